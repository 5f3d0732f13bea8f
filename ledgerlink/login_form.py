"""The back-office's login form, under the same rate limits as a login over the API."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError

from ledgerlink.rate_limits import RateLimited, remember
from ledgerlink.throttling import count_login

if TYPE_CHECKING:  # unfold ships no types; its form extends Django's
    from django.contrib.admin.forms import AdminAuthenticationForm as AuthenticationForm
else:
    from unfold.forms import AuthenticationForm


class LimitedLoginForm(AuthenticationForm):
    def clean(self) -> dict[str, Any]:
        """Raises ValidationError, the same for a right and a wrong password once there were too
        many."""
        if self.request is None or not settings.RATELIMIT_ENABLE:
            return super().clean()
        try:
            known = count_login(self.request, self.cleaned_data.get("username") or "")
        except RateLimited as error:
            text = f"{error.title}. {error.detail}"
            raise ValidationError(text, code=error.code) from error
        cleaned = super().clean()
        if known:
            remember(known)
        return cleaned
