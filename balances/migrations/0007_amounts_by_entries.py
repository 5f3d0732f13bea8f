from django.db import migrations, models

from ledgerlink.triggers import KeepingTriggers, RefuseChange


class Migration(migrations.Migration):
    dependencies = [("balances", "0006_currencies")]

    operations = [
        KeepingTriggers(
            "balances_balance",
            [
                migrations.AddConstraint(
                    model_name="balance",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("entry_count__gt", 0), ("amount", 0), _connector="OR"),
                        name="balance_amount_has_entries",
                    ),
                ),
            ],
        ),
        RefuseChange(
            "balance_amount_by_entries",
            "balances_balance",
            "UPDATE",
            "an amount changes with an entry only",
            when="NEW.amount <> OLD.amount AND NEW.entry_count = OLD.entry_count",
        ),
    ]
