from django.db import migrations

from ledgerlink.triggers import RefuseChange

TEXTS = ("description", "reference", "metadata")
OTHERS = ("authorized_amount", "requested_by_id", "approved_by_id", "created_at", "effective_at")


class Migration(migrations.Migration):
    dependencies = [("transactions", "0010_approved_transfers")]

    operations = [
        RefuseChange(
            "transaction_pending_stays",
            "transactions_transaction",
            "UPDATE",
            "a pending transaction is captured or let go, and otherwise stays what it is",
            given="OLD.status = 'pending'",
            when=" OR ".join(
                [
                    "(NEW.status = 'pending' AND NEW.amount <> OLD.amount)",
                    # HEX: MySQL compares text without regard to case.
                    *(f"HEX(NEW.{name}) <> HEX(OLD.{name})" for name in TEXTS),
                    *(f"COALESCE(NEW.{name}, 0) <> COALESCE(OLD.{name}, 0)" for name in OTHERS),
                ]
            ),
        ),
    ]
