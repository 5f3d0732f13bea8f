"""Filters of the lists of users and of their API keys."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from ledgerlink.admin_filters import Chip, ChoiceFilter, Filter
from ledgerlink.long_lists import Way
from users.queries import DELETED, user_called
from users.roles import Role

Choices = Iterable[tuple[str, str]]


class RoleFilter(ChoiceFilter):
    title = "role"
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(role.value, str(role.label)) for role in Role]

    def ways(self) -> Sequence[Way]:
        return [Way(self.condition)]


class AccountFilter(ChoiceFilter):
    title = "account"
    parameter_name = "account"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("active", "Active"), ("inactive", "Deactivated"), ("deleted", "Deleted")]

    def rows_of(self, value: str) -> Q:
        match value:
            case "active":
                return Q(is_active=True)
            case "inactive":
                return Q(is_active=False, deleted_at__isnull=True)
            case _:
                return DELETED

    def ways(self) -> Sequence[Way]:
        match self.value:
            case "inactive":
                return [Way(Q(is_active=False))]
            case "deleted":
                return [Way(self.condition)]
            case _:
                return []


class NotesAboutFilter(Filter):
    """The notes about one user, for links."""

    title = "about"
    parameters = ("user", "user__id__exact")

    def read(self, request: HttpRequest) -> Q:
        (text, *_) = self.given.values()
        user, self.name = user_called(text), text
        if user is None:
            self.problem = f"There is no user called “{text}”."
            return Q()
        self.name = user.username
        return Q(user=user.pk)

    def ways(self) -> Sequence[Way]:
        return [Way(self.condition)]

    def chips(self) -> Iterable[Chip]:
        return [Chip(f"About {self.name}", [*self.given])]


class KeyStateFilter(ChoiceFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("usable", "Usable"), ("expired", "Expired"), ("revoked", "Revoked")]

    def rows_of(self, value: str) -> Q:
        now = timezone.now()
        revoked = Q(revoked_at__isnull=False)
        expired = Q(expires_at__isnull=False, expires_at__lte=now)
        match value:
            case "usable":
                return ~revoked & ~expired
            case "expired":
                return expired & ~revoked
            case _:
                return revoked
