"""Idempotency keys in the back-office: to be read."""

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from ledgerlink.admin import ReadOnlyAdmin, link, shown_time, uuid_of
from ledgerlink.admin_filters import PeriodFilter, TransactionFilter
from ledgerlink.admin_lists import Search
from ledgerlink.long_lists import Way
from transactions.admin_columns import KEY_COLUMNS, answered
from transactions.models import IdempotencyKey


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """Whoever may see the transactions may see the keys that made them."""

    list_display = ("time", "caller", "key", "made", "answered")
    list_filter = (PeriodFilter, TransactionFilter)
    list_unread = ("answer",)
    search_fields = ("key", "transaction")
    search_help_text = "Transaction id, or the beginning of a key"
    export_columns = KEY_COLUMNS
    nothing = "A request that moves money once, however often it is sent, leaves its key here."
    fieldsets = (
        (None, {"fields": ("time", "caller", "key", "fingerprint", "made")}),
        ("What was answered", {"fields": ("answered", "answer")}),
    )

    def has_view_permission(self, request: HttpRequest, obj: IdempotencyKey | None = None) -> bool:
        return request.user.has_perm("transactions.view_transaction")

    def search(self, term: str) -> Search:
        uuid = uuid_of(term)
        if uuid is not None and IdempotencyKey.objects.filter(transaction=uuid).exists():
            return Search(Q(transaction=uuid), [Way(Q(transaction=uuid))])
        # Keys are ASCII, on MySQL the column too: it can't be compared with anything else.
        return Search(Q(key__startswith=term) if term.isascii() else Q(pk__in=[]))

    @admin.display(description="time (UTC)", ordering="id")
    def time(self, key: IdempotencyKey) -> str:
        return shown_time(key.created_at)

    @admin.display(description="sent by")
    def caller(self, key: IdempotencyKey) -> str:
        kind, _, name = key.scope.partition(":")
        return link(f"user {name}", "users_user_change", name) if kind == "user" else name

    @admin.display(description="transaction")
    def made(self, key: IdempotencyKey) -> str:
        if key.transaction_id is None:
            return "A batch, or an approval"
        page = "transactions_transaction_change"
        return link(str(key.transaction_id), page, key.transaction_id)

    @admin.display(description="outcome", ordering="answer_status")
    def answered(self, key: IdempotencyKey) -> str:
        return answered(key)
