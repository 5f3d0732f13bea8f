"""What an admin does on a user's page about signing in: lifting a lock."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from ledgerlink.admin import SearchedAdmin, link, shown_time
from users.actors import Actor
from users.admin_forms import ConfirmationForm
from users.lockouts import lift, locks_of
from users.models import User


class SignInAdmin(SearchedAdmin):
    """The part of the users' admin that is about signing in."""

    @admin.display(description="locked")
    def locked(self, user: User) -> str:
        locks = locks_of(user)
        if not locks:
            return "no"
        told = "; ".join(
            f"for {lock.address or 'other addresses'} until {shown_time(lock.until)} UTC"
            for lock in locks
        )
        lifted = link("Lift the lock", "users_user_unlock", user.pk)
        return format_html("After failed sign-ins, {} · {}", told, lifted)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [path("<int:pk>/unlock/", wrap(self.unlock_view), name="users_user_unlock")]
        return [*own, *super().get_urls()]

    def unlock_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        user = self._user(request, pk)
        form = ConfirmationForm(request.POST or None)
        if form.is_valid():
            lift(user, by=Actor.of(_signed_in(request)))
            messages.success(request, f"{user} can sign in again.")
            return HttpResponseRedirect(reverse("admin:users_user_account", args=[pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Lift the lock: {user}",
            "form": form,
            "explanation": "Too many sign-ins under this name have failed. Lift the lock when you "
            "know that it was the user, and set a new password when it was forgotten.",
            "button": "Lift the lock",
        }
        return TemplateResponse(request, "admin/short_form.html", context)

    def _user(self, request: HttpRequest, pk: int) -> User:
        """Raises Http404 or PermissionDenied."""
        user: Any = self.get_object(request, str(pk))
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        if user is None:
            raise Http404
        assert isinstance(user, User)
        return user


def _signed_in(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the site lets only staff come here
    return request.user
