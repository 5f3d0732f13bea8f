"""Limits of transactions in the back-office: to be read."""

from django.contrib import admin
from django.db.models import Q

from balances.admin_filters import CurrencyFilter
from balances.money import money
from ledgerlink.admin import ReadOnlyAdmin, shown_time
from ledgerlink.dossier import DeedsAdmin
from transactions.admin_columns import LIMIT_COLUMNS
from transactions.models import TransactionLimit
from users.admin_filters import RoleFilter
from users.queries import some_users_like


@admin.register(TransactionLimit)
class TransactionLimitAdmin(DeedsAdmin, ReadOnlyAdmin):
    """Set with `manage.py set_limit`, or asked for here and approved by somebody else."""

    deeds_entity = "limit"

    list_display = ("whose", "currency", "per_transaction_shown", "per_day_shown", "changed")
    list_filter = (RoleFilter, CurrencyFilter)
    list_select_related = ("user",)
    search_fields = ("username",)
    search_help_text = "Beginning of a username or e-mail"
    export_columns = LIMIT_COLUMNS
    export_related = ("user",)
    nothing = "No limit was set: everybody may send all that is available."
    time_field = "updated_at"
    fields = ("whose", "currency", "per_transaction_shown", "per_day_shown", "changed")

    def matching(self, term: str) -> Q:
        people, _note = some_users_like(term)
        return Q(user__in=people)

    @admin.display(description="of")
    def whose(self, limit: TransactionLimit) -> str:
        return str(limit.user) if limit.user is not None else f"every {limit.role}"

    @admin.display(description="one transaction", ordering="per_transaction")
    def per_transaction_shown(self, limit: TransactionLimit) -> str:
        return _limit(limit.per_transaction, limit.currency)

    @admin.display(description="one day (UTC)", ordering="per_day")
    def per_day_shown(self, limit: TransactionLimit) -> str:
        return _limit(limit.per_day, limit.currency)

    @admin.display(description="changed (UTC)", ordering="updated_at")
    def changed(self, limit: TransactionLimit) -> str:
        return shown_time(limit.updated_at)


def _limit(minor: int | None, currency: str) -> str:
    return "No limit" if minor is None else money(minor, currency)
