from django.db import migrations, models

from ledgerlink.triggers import KeepingTriggers

# A debt would break the older rule: going back, it becomes part of the overdraft limit.
DEBTS_TO_LIMITS = """
UPDATE balances_balance
SET overdraft_limit = overdraft_limit + forced_overdraft, version = version + 1
WHERE forced_overdraft > 0
"""


class Migration(migrations.Migration):
    dependencies = [("balances", "0003_triggers")]

    operations = [
        KeepingTriggers(
            "balances_balance",
            [
                migrations.RemoveConstraint(
                    model_name="balance", name="balance_available_not_negative"
                ),
                migrations.AddField(
                    model_name="balance",
                    name="forced_overdraft",
                    field=models.BigIntegerField(default=0),
                ),
                migrations.RunSQL(migrations.RunSQL.noop, DEBTS_TO_LIMITS),
                migrations.AddConstraint(
                    model_name="balance",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("forced_overdraft__gte", 0)),
                        name="balance_forced_not_negative",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="balance",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("house__isnull", False),
                            (
                                "amount__gte",
                                models.F("held")
                                - models.F("overdraft_limit")
                                - models.F("forced_overdraft"),
                            ),
                            _connector="OR",
                        ),
                        name="balance_within_overdraft",
                    ),
                ),
            ],
        ),
    ]
