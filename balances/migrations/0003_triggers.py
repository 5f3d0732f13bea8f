from django.db import migrations

from ledgerlink.triggers import RefuseChange


class Migration(migrations.Migration):
    dependencies = [("balances", "0002_ledger_entries")]

    operations = [
        RefuseChange(
            "balance_never_deleted",
            "balances_balance",
            "DELETE",
            "a balance is closed, never deleted",
        ),
        RefuseChange(
            "balance_version_grows",
            "balances_balance",
            "UPDATE",
            "each change of a balance raises its version",
            when="NEW.version <= OLD.version OR NEW.entry_count < OLD.entry_count",
        ),
        RefuseChange(
            "balance_keeps_owner",
            "balances_balance",
            "UPDATE",
            "owner and currency of a balance never change",
            # HEX: MySQL compares text without regard to case.
            when="HEX(NEW.currency) <> HEX(OLD.currency) "
            "OR COALESCE(NEW.user_id, 0) <> COALESCE(OLD.user_id, 0) "
            "OR COALESCE(HEX(NEW.house), '') <> COALESCE(HEX(OLD.house), '')",
        ),
        RefuseChange(
            "entry_never_changed",
            "balances_balancehistory",
            "UPDATE",
            "ledger entries are append-only",
        ),
        RefuseChange(
            "entry_never_deleted",
            "balances_balancehistory",
            "DELETE",
            "ledger entries are append-only",
        ),
    ]
