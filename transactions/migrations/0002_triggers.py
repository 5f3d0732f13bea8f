from django.db import migrations

from ledgerlink.triggers import RefuseChange


class Migration(migrations.Migration):
    dependencies = [("transactions", "0001_initial")]

    operations = [
        RefuseChange(
            "transaction_never_deleted",
            "transactions_transaction",
            "DELETE",
            "transactions are kept for ever",
        ),
        RefuseChange(
            "transaction_final",
            "transactions_transaction",
            "UPDATE",
            "only a pending transaction can change",
            when="OLD.status <> 'pending'",
        ),
    ]
