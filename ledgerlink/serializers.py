"""The base of every request body and query string: nothing unknown is ignored, nothing guessed."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, cached_property
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.fields import empty, get_error_detail

MAX_ID = 2**63 - 1
MAX_WHOLE = 10**18 - 1  # in a body: the parser keeps longer numbers as text


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that names each field it does not know (code `unknown_field`)."""

    default_error_messages = dict.fromkeys(("invalid", "null"), "Send a JSON object.")

    @classmethod
    def read(cls, data: Any, *, partial: bool = False) -> dict[str, Any]:
        """`data`, validated. Raises DRF's ValidationError, which becomes a 400 for each field."""
        value: dict[str, Any] = _reader(cls, partial).run_validation(data)
        return value

    def run_validation(self, data: Any = empty) -> dict[str, Any]:
        """As DRF does it, for a serializer without validators."""
        self.validate_empty_values(data)  # raises for null
        value = self.to_internal_value(data)
        try:
            checked: dict[str, Any] = self.validate(value)
        except (serializers.ValidationError, DjangoValidationError) as error:
            raise serializers.ValidationError(serializers.as_serializer_error(error)) from error
        return checked

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        errors: dict[str, Any] = {}
        if not isinstance(data, Mapping):
            return dict(super().to_internal_value(data))  # raises
        if isinstance(data, QueryDict):
            repeated = {name for name, values in data.lists() if len(values) > 1}
            errors |= _errors(repeated, "Give this once.", "repeated")
            data = data.dict()  # else an empty value would pass for one left out
        unknown = data.keys() - self.fields.keys()
        if unknown:
            errors |= _errors(unknown, "This field is not known here.", "unknown_field")
        value: dict[str, Any] = {}
        for name, field, check in self._steps:
            if name in data or (field.required and not self.partial):
                try:
                    item = field.run_validation(data.get(name, empty))
                    value[name] = item if check is None else check(item)
                except serializers.ValidationError as error:
                    errors[name] = error.detail
                except DjangoValidationError as error:
                    errors[name] = get_error_detail(error)
            elif field.default is not empty and not self.partial:
                value[name] = field.get_default()
        if errors:
            raise serializers.ValidationError(errors)
        return value

    @cached_property
    def _steps(self) -> list[tuple[str, Any, Callable[[Any], Any] | None]]:
        """Each field with its `validate_…`. DRF asks for them anew, and validates what is not
        there as well: half the time of a large batch."""
        return [
            (name, field, getattr(self, f"validate_{name}", None))
            for name, field in self.fields.items()
        ]


@cache
def _reader(kind: type[StrictSerializer], partial: bool) -> StrictSerializer:  # noqa: FBT001
    """One instance for all requests: it keeps nothing of what it reads, and is dear to make."""
    return kind(partial=partial)


def _errors(names: set[str], detail: str, code: str) -> dict[str, Any]:
    return {name: [ErrorDetail(detail, code=code)] for name in sorted(names)}


class PageQuery(StrictSerializer):
    """The query string of a list; `ledgerlink.pagination` reads these two."""

    cursor = serializers.CharField(required=False, allow_blank=True)
    page_size = serializers.CharField(required=False, allow_blank=True)


class TextField(serializers.CharField):
    """Text as it was sent: a JSON string, not a number or a boolean turned into one."""

    default_error_messages = {"not_text": "Send a string."}

    def to_internal_value(self, data: Any) -> str:
        if type(data) is not str:  # a JSON number with a point is a subclass of str
            self.fail("not_text")
        return super().to_internal_value(data)


class OneOfField(serializers.ChoiceField):
    """One of a few words; whoever sends another is told which there are."""

    def __init__(self, choices: Sequence[str], **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)
        self.error_messages["invalid_choice"] = f"Give one of: {', '.join(choices)}."


class FlagField(serializers.BooleanField):
    """true or false, and not what merely looks like it."""

    default_error_messages = {"not_boolean": "Send true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            self.fail("not_boolean")
        return data


class WholeNumberField(serializers.IntegerField):
    """A whole JSON number, not a string, a boolean or a float that looks like one."""

    default_error_messages = {"not_whole": "Send a whole number."}

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("not_whole")
        return super().to_internal_value(data)


class IdField(WholeNumberField):
    """The id of a user."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_WHOLE, **kwargs)


class MomentField(serializers.DateTimeField):
    """RFC 3339: a date with a time and an offset, and no other ISO 8601."""

    default_error_messages = {"not_rfc3339": "Send a time such as 2026-01-31T09:30:00Z."}
    _MOMENT = re.compile(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
        r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
    )

    def to_internal_value(self, value: Any) -> datetime:
        if type(value) is not str or not self._MOMENT.fullmatch(value):
            self.fail("not_rfc3339")
        return super().to_internal_value(value.upper())


class QueryIdField(serializers.IntegerField):
    """The id of a user in a query string."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_ID, **kwargs)
