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
            "only a pending transaction can change, and never its parties",
            when="OLD.status <> 'pending' OR NEW.source_id <> OLD.source_id "
            "OR NEW.destination_id <> OLD.destination_id OR NEW.currency <> OLD.currency "
            "OR NEW.type <> OLD.type",
        ),
    ]
