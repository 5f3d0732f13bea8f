"""API keys in the back-office: made, rotated and revoked by role admin, never edited."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html

from ledgerlink.admin import ReadOnlyAdmin, badge, link, shown_time
from ledgerlink.errors import LedgerError
from users import api_keys
from users.actors import Actor
from users.admin_columns import API_KEY_COLUMNS
from users.admin_filters import KeyStateFilter
from users.admin_forms import ApiKeyAddForm, ConfirmationForm, RotationForm
from users.api_keys import NewApiKey
from users.errors import ApiKeyMade
from users.models import ApiKey, User
from users.staff_sessions import confirmed

TITLES = {"add": "Add API key", "rotate": "Rotate", "revoke": "Revoke"}
EXPLANATIONS = {
    "add": "The backend that gets the key acts as the user named here, and may do what that "
    "user's role allows, as far as the scopes reach. The key is shown once.",
    "rotate": "a new key with the same user, name and scopes is made and shown once. The old one "
    "stays valid for a while, so that the backend can change over.",
    "revoke": "the key stops working at once, for good.",
}
COLOURS = {"active": "success", "expiring": "warning", "expired": "info", "revoked": "danger"}
ADD, DELETE = "users.add_apikey", "users.delete_apikey"

Done = NewApiKey | ApiKey


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ("prefix", "name", "owner", "scopes_shown", "state", "last_used", "expires")
    list_filter = (KeyStateFilter,)
    search_fields = ("prefix", "name", "user")
    search_help_text = "Prefix, name, username"
    export_columns = API_KEY_COLUMNS
    nothing = "A backend that uses the API needs a key."
    list_select_related = ("user",)
    fieldsets = (
        (None, {"fields": ("prefix", "name", "owner", "scopes_shown", "state", "possible")}),
        ("Record", {"fields": ("created", "expires", "revoked", "last_used", "replaces")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        keys: QuerySet[ApiKey] = super().get_queryset(request)
        return keys.select_related("user", "created_by", "replaces")

    def matching(self, term: str) -> Q:
        key = Q(prefix=term.lower()) | Q(name__icontains=term)
        return key | Q(user__username__icontains=term)

    @admin.display(description="acts as", ordering="user__username")
    def owner(self, key: ApiKey) -> str:
        return link(key.user.username, "users_user_change", key.user_id)

    @admin.display(description="scopes")
    def scopes_shown(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @badge("state", COLOURS)
    def state(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return "revoked"
        if key.expires_at is None:
            return "active"
        return "expired" if key.ended(timezone.now()) else "expiring"

    state.admin_order_field = "revoked_at"  # type: ignore[attr-defined] # of admin.display

    @admin.display(description="")
    def possible(self, key: ApiKey) -> str:
        if key.ended(timezone.now()):
            return "An ended key stays as it is."
        rotate = link("Rotate", "users_apikey_rotate", key.pk)
        return format_html("{} · {}", rotate, link("Revoke", "users_apikey_revoke", key.pk))

    @admin.display(description="created (UTC)")
    def created(self, key: ApiKey) -> str:
        by = f" by {key.created_by}" if key.created_by else ""
        return shown_time(key.created_at) + by

    @admin.display(description="expires (UTC)", ordering="expires_at")
    def expires(self, key: ApiKey) -> str:
        return shown_time(key.expires_at) or "never"

    @admin.display(description="revoked (UTC)")
    def revoked(self, key: ApiKey) -> str:
        return shown_time(key.revoked_at)

    @admin.display(description="last used (UTC)", ordering="last_used_at")
    def last_used(self, key: ApiKey) -> str:
        return shown_time(key.last_used_at) or "never"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _has_perm(request, ADD)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/rotate/", wrap(self.rotate_view), name="users_apikey_rotate"),
            path("<int:pk>/revoke/", wrap(self.revoke_view), name="users_apikey_revoke"),
        ]
        return [*own, *super().get_urls()]

    @confirmed
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        _require(request, ADD)
        form = ApiKeyAddForm(request.POST or None)

        def create() -> NewApiKey:
            return api_keys.create_api_key(**form.wanted(), by=_actor(request))

        try:
            return self._answer(request, form, create, what="add")
        except ApiKeyMade as error:
            messages.warning(request, error.detail)
            made = ApiKey.objects.get(prefix=form.cleaned_data["key_prefix"])
            return HttpResponseRedirect(page_of(made))

    @confirmed
    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        _require(request, ADD)
        form = RotationForm(request.POST or None)

        def rotate() -> NewApiKey:
            overlap = timedelta(hours=form.cleaned_data["overlap_hours"])
            return api_keys.rotate_api_key(key_id=pk, overlap=overlap, by=_actor(request))

        return self._answer(request, form, rotate, what="rotate", on=pk)

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        _require(request, DELETE)
        form = ConfirmationForm(request.POST or None)

        def revoke() -> ApiKey:
            return api_keys.revoke_api_key(key_id=pk, by=_actor(request))

        return self._answer(request, form, revoke, what="revoke", on=pk)

    def _answer(
        self,
        request: HttpRequest,
        form: forms.Form,
        do: Callable[[], Done],
        *,
        what: str,
        on: int | None = None,
    ) -> HttpResponse:
        """The page with the form, or, once it is sent and right, what became of it."""
        title, explanation = TITLES[what], EXPLANATIONS[what]
        back = reverse("admin:users_apikey_changelist")
        if on is not None:
            key = self.get_queryset(request).filter(pk=on).first()
            if key is None:
                messages.warning(request, "There is no such API key.")
                return HttpResponseRedirect(back)
            back = page_of(key)
            title, explanation = f"{title}: {key}", f"{key}: {explanation}"
        if request.method == "POST" and form.is_valid():
            done = _tried(form, do)
            if done is not None:
                return self._done(request, done)
        context = {"form": form, "explanation": explanation, "button": TITLES[what], "back": back}
        return self._page(request, "admin/short_form.html", title, **context)

    def _done(self, request: HttpRequest, done: Done) -> HttpResponse:
        if isinstance(done, ApiKey):
            messages.success(request, f"{done} is revoked.")
            return HttpResponseRedirect(page_of(done))
        context = {"text": done.text, "next": page_of(done.key)}
        return self._page(request, "admin/api_key_shown.html", str(done.key), **context)

    def _page(
        self, request: HttpRequest, template: str, title: str, **context: object
    ) -> TemplateResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        return TemplateResponse(request, template, {**shared, **context})


def page_of(key: ApiKey) -> str:
    return reverse("admin:users_apikey_change", args=[key.pk])


def _tried(form: forms.Form, do: Callable[[], Done]) -> Done | None:
    """What `do` made; when it refuses, None, and the form tells why. Raises ApiKeyMade."""
    try:
        return do()
    except ApiKeyMade:
        raise
    except ValidationError as error:
        form.add_error(None, " ".join(error.messages))
    except LedgerError as error:
        form.add_error(None, error.detail)
    return None


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)  # the site lets only staff come here
    return Actor.of(request.user)


def _has_perm(request: HttpRequest, permission: str) -> bool:
    return isinstance(request.user, User) and request.user.has_perm(permission)


def _require(request: HttpRequest, permission: str) -> None:
    if not _has_perm(request, permission):
        raise PermissionDenied
