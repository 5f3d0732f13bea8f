"""The words of the books."""

from django.db.models import TextChoices


class House(TextChoices):
    """The company's own accounts; they alone may go below zero."""

    EXTERNAL = "external"  # the world outside: deposits come from it, withdrawals go to it
    ADJUSTMENTS = "adjustments"  # corrections made by finance
    FEES = "fees"
    ROUNDING = "rounding"

    @property
    def owner_name(self) -> str:
        """What people call it, so that it is not taken for a user."""
        return f"House: {self.label}"


class BalanceStatus(TextChoices):
    ACTIVE = "active"
    DEBITS_FROZEN = "debits_frozen", "Debits frozen"  # money may come in, none may leave
    FROZEN = "frozen"  # nothing moves
    CLOSED = "closed"  # its owner was deleted


Owner = int | House  # a user's id, or a house account
AccountKey = tuple[Owner, str]  # owner and currency
