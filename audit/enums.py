"""The words of the audit trail."""

from django.db.models import TextChoices


class EntityType(TextChoices):
    """What a record is about."""

    API_KEY = "api_key"
    APPROVAL = "approval"
    BALANCE = "balance"
    LIMIT = "limit"
    LIST = "list"  # of the back-office: it was exported
    TRANSACTION = "transaction"
    USER = "user"
