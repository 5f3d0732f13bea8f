from typing import Any

from django.db import migrations, models

from balances.currencies import currencies
from ledgerlink.triggers import RefuseChange


def keep_decimals_in_use(apps: Any, schema_editor: Any) -> None:
    """Those that the settings say now; a currency that they lack is kept when it is back."""
    used = apps.get_model("balances", "Balance").objects.values_list("currency", flat=True)
    known = currencies()
    currency = apps.get_model("balances", "Currency")
    currency.objects.bulk_create(
        currency(code=code, exponent=known[code])
        for code in sorted(set(used.distinct()))
        if code in known
    )


class Migration(migrations.Migration):
    dependencies = [("balances", "0005_freezes")]

    operations = [
        migrations.CreateModel(
            name="Currency",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=8)),
                ("exponent", models.SmallIntegerField(verbose_name="decimals")),
            ],
            options={
                "verbose_name_plural": "currencies",
                "constraints": [
                    models.UniqueConstraint(fields=("code",), name="currency_once"),
                    models.CheckConstraint(
                        condition=models.Q(("exponent__gte", 0), ("exponent__lte", 8)),
                        name="currency_exponent_in_range",
                    ),
                ],
            },
        ),
        migrations.RunPython(keep_decimals_in_use, migrations.RunPython.noop),
        RefuseChange(
            "currency_never_changed",
            "balances_currency",
            "UPDATE",
            "the books are counted in these decimals",
        ),
        RefuseChange(
            "currency_never_deleted",
            "balances_currency",
            "DELETE",
            "the books are counted in these decimals",
        ),
    ]
