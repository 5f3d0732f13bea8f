"""Whose a balance is, as the pages of the back-office show it."""

from balances.models import Balance
from ledgerlink.admin import link


def owner_link(balance: Balance) -> str:
    """The owner's name, linked to the user unless it is a house account."""
    if balance.user_id is None:
        return balance.owner_name
    return link(balance.owner_name, "users_user_change", balance.user_id)
