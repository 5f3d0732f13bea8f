"""What an admin does on a user's page about signing in: lifting a lock, resetting a lost second
factor."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from ledgerlink.admin import SearchedAdmin, link, shown_time
from users.actors import Actor
from users.admin_forms import ConfirmationForm
from users.enrolment import reset
from users.lockouts import lift, locks_of
from users.models import User
from users.second_factor import authenticator_of, must_have, recovery_codes_left
from users.staff_sessions import is_confirmed, to_confirmation

UNLOCKED = "no"


class SignInAdmin(SearchedAdmin):
    """The part of the users' admin that is about signing in."""

    @admin.display(description="locked")
    def locked(self, user: User) -> str:
        said = self.locked_read(user)
        if said == UNLOCKED:
            return said
        return format_html("{} · {}", said, link("Lift the lock", "users_user_unlock", user.pk))

    @admin.display(description="locked")
    def locked_read(self, user: User) -> str:
        told = "; ".join(
            f"for {lock.address or 'other addresses'} until {shown_time(lock.until)} UTC"
            for lock in locks_of(user)
        )
        return f"After failed sign-ins, {told}" if told else UNLOCKED

    @admin.display(description="two-step sign-in")
    def second_factor(self, user: User) -> str:
        said = self.second_factor_read(user)
        if authenticator_of(user) is None:
            return said
        again = link("Reset", "users_user_reset_second_factor", user.pk)
        return format_html("{} · {}", said, again)

    @admin.display(description="two-step sign-in")
    def second_factor_read(self, user: User) -> str:
        device = authenticator_of(user)
        if device is None:
            return "off, but required: asked for at the next sign-in" if must_have(user) else "off"
        since, left = device.created_at.date(), recovery_codes_left(user)
        return f"on since {since}, {left} recovery codes left"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/unlock/", wrap(self.unlock_view), name="users_user_unlock"),
            path(
                "<int:pk>/second-factor/",
                wrap(self.reset_view),
                name="users_user_reset_second_factor",
            ),
        ]
        return [*own, *super().get_urls()]

    def unlock_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        user = self._user(request, pk)
        form = ConfirmationForm(request.POST or None)
        if form.is_valid():
            lift(user, by=Actor.of(_signed_in(request)))
            return self._done(request, user, f"{user} can sign in again.")
        explanation = (
            f"Too many sign-ins as {user} have failed. Lift the lock when you know that it was "
            "they who tried, and set a new password when the old one was forgotten."
        )
        return self._ask(request, user, explanation, "Lift the lock", form)

    def reset_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        user, by = self._user(request, pk), _signed_in(request)
        if user == by:
            return HttpResponseRedirect(reverse("admin:second_factor"))
        if not is_confirmed(request):
            return to_confirmation(request)
        form = ConfirmationForm(request.POST or None)
        if form.is_valid():
            reset(user=user, by=Actor.of(by))
            return self._done(request, user, f"The two-step sign-in of {user} is reset.")
        explanation = (
            f"For when {user} has lost both the app and the recovery codes. Make sure that it is "
            "really they who ask: until they set it up anew, their password alone signs them in. "
            "Their sessions end."
        )
        return self._ask(request, user, explanation, "Reset two-step sign-in", form)

    def _ask(
        self, request: HttpRequest, user: User, explanation: str, button: str, form: Form
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": user,
            "title": button,
            "form": form,
            "explanation": explanation,
            "button": button,
            "back": account_of(user),
        }
        return TemplateResponse(request, "admin/short_form.html", context)

    def _done(self, request: HttpRequest, user: User, said: str) -> HttpResponse:
        messages.success(request, said)
        return HttpResponseRedirect(account_of(user))

    def _user(self, request: HttpRequest, pk: int) -> User:
        """Raises Http404 or PermissionDenied."""
        user: Any = self.get_object(request, str(pk))
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        if user is None:
            raise Http404
        assert isinstance(user, User)
        return user


def account_of(user: User) -> str:
    return reverse("admin:users_user_account", args=[user.pk])


def _signed_in(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the site lets only staff come here
    return request.user
