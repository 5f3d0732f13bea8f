from django.db import migrations, models

from ledgerlink.triggers import KeepingTriggers


class Migration(migrations.Migration):
    dependencies = [("balances", "0004_forced_overdraft")]

    operations = [
        KeepingTriggers(
            "balances_balance",
            [
                migrations.AddField(
                    model_name="balance",
                    name="frozen_until",
                    field=models.DateTimeField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="balance",
                    name="freeze_reason",
                    field=models.CharField(blank=True, default="", max_length=255),
                ),
                migrations.AddIndex(
                    model_name="balance",
                    index=models.Index(fields=["frozen_until"], name="balance_by_freeze_end"),
                ),
                migrations.AddConstraint(
                    model_name="balance",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["debits_frozen", "frozen"]),
                            models.Q(("freeze_reason", ""), ("frozen_until__isnull", True)),
                            _connector="OR",
                        ),
                        name="balance_freeze_of_frozen",
                    ),
                ),
            ],
        ),
    ]
