"""The base of every request body and query string: unknown fields are refused, not ignored."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that names each field it does not know (code `unknown_field`)."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping):
            unknown = set(data) - set(self.fields)
            if unknown:
                raise serializers.ValidationError(
                    {
                        name: [ErrorDetail("This field is not known here.", code="unknown_field")]
                        for name in sorted(map(str, unknown))
                    }
                )
            if isinstance(data, QueryDict):
                self._refuse_repeated(data)
        value: dict[str, Any] = super().to_internal_value(data)
        return value

    @staticmethod
    def _refuse_repeated(data: QueryDict) -> None:
        repeated = [name for name, values in data.lists() if len(values) > 1]
        if repeated:
            raise serializers.ValidationError(
                {name: [ErrorDetail("Give this once.", code="repeated")] for name in repeated}
            )


class TextField(serializers.CharField):
    """Text as it was sent: a JSON string, not a number or a boolean turned into one."""

    default_error_messages = {"not_text": "Send a string."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or type(data) is not str:
            self.fail("not_text")
        return super().to_internal_value(data)
