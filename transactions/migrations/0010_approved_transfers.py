from django.db import migrations, models

from ledgerlink.triggers import KeepingTriggers

KINDS = ["adjustment", "reversal", "freeze", "limit", "withdrawal", "transfer"]


class Migration(migrations.Migration):
    dependencies = [("transactions", "0009_limit_versions")]

    operations = [
        KeepingTriggers(
            "transactions_approval",
            [
                migrations.RemoveConstraint(model_name="approval", name="approval_kind_known"),
                migrations.AlterField(
                    model_name="approval",
                    name="kind",
                    field=models.CharField(
                        choices=[(kind, kind.capitalize()) for kind in KINDS], max_length=10
                    ),
                ),
                migrations.AddConstraint(
                    model_name="approval",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("kind__in", KINDS)), name="approval_kind_known"
                    ),
                ),
            ],
        ),
    ]
