from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("transactions", "0008_staff_lists")]

    operations = [
        migrations.AddField(
            model_name="transactionlimit",
            name="version",
            field=models.BigIntegerField(default=0),
        ),
    ]
