from django.db import migrations

from ledgerlink.triggers import RefuseChange

LEFT_OF_THE_ORIGINAL = """
COALESCE((
    SELECT original.amount FROM transactions_transaction original
    WHERE original.id = NEW.reverses_id AND original.status = 'completed'
), 0) - COALESCE((
    SELECT SUM(reversal.amount) FROM transactions_transaction reversal
    WHERE reversal.reverses_id = NEW.reverses_id AND reversal.status IN ('pending', 'completed')
), 0)
"""


class Migration(migrations.Migration):
    dependencies = [("transactions", "0005_approvals")]

    operations = [
        RefuseChange(
            "transaction_reverses_within",
            "transactions_transaction",
            "INSERT",
            "reversals never exceed the original, which is completed",
            given="NEW.reverses_id IS NOT NULL AND NEW.status IN ('pending', 'completed')",
            when=f"NEW.amount > {LEFT_OF_THE_ORIGINAL}",
        ),
    ]
