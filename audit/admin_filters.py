"""Filters of the audit trail."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from audit.models import AuditLog
from audit.wording import action_name, entity_name
from ledgerlink.admin import number_of
from ledgerlink.admin_filters import Chip, ChoiceFilter, Filter, TextFilter
from ledgerlink.long_lists import Way
from users.queries import user_called


def actions_in_use() -> Iterator[str]:
    """Looked up one after the other in the index: to read all records takes too long."""
    actions = AuditLog.objects.order_by("action").values_list("action", flat=True)
    action = actions.first()
    while action is not None:
        yield action
        action = actions.filter(action__gt=action).first()


class ActionFilter(ChoiceFilter):
    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(action, action_name(action)) for action in actions_in_use()]

    def ways(self) -> Sequence[Way]:
        return [Way(self.condition, "pk")]


class ActorFilter(TextFilter):
    """A user by username, e-mail or id, or a command by its name."""

    title = "actor"
    parameters = ("actor",)
    placeholder = "Username or e-mail"

    def read(self, request: HttpRequest) -> Q:
        user = user_called(self.text)
        self.actor_id = "" if user is None else str(user.pk)
        named = Q(actor_name=self.text) if user is None else Q()
        return Q(actor_id=self.actor_id) & named

    def ways(self) -> Sequence[Way]:
        return [Way(Q(actor_id=self.actor_id), "pk")]


class EntityFilter(Filter):
    """What was done to one user, transaction or other thing, for links."""

    title = "about"
    parameters = ("entity_type", "entity_id")

    def read(self, request: HttpRequest) -> Q:
        return Q(**self.given)

    def ways(self) -> Sequence[Way]:
        return [Way(self.condition, "pk")] if len(self.given) == len(self.parameters) else []

    def chips(self) -> Iterable[Chip]:
        return [Chip(f"About: {entity_name(**self.given)}", [*self.given])]


class AfterFilter(Filter):
    """What was recorded after one record, such as the last of a seal, for links."""

    title = "after record"
    parameters = ("id__gt",)

    def read(self, request: HttpRequest) -> Q:
        number = number_of(self.given["id__gt"])
        if number is None:
            self.problem = "This is not the id of a record."
            return Q()
        return Q(pk__gt=number)

    def ways(self) -> Sequence[Way]:
        return [Way(self.condition, "pk")]

    def chips(self) -> Iterable[Chip]:
        return [Chip(f"After record no. {self.given['id__gt']}", [*self.given])]
