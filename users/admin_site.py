"""The back-office's site: unfold's, with our way in."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from users.admin_login import CodeView, PasswordView
from users.admin_second_factor import SecondFactorPages
from users.admin_sessions import password_change_recorded
from users.admin_sign_in_forms import OwnPasswordForm
from users.models import User


class BackOfficeSite(SecondFactorPages):
    def extra_urls(self) -> list[URLPattern]:
        """Unfold's hook."""
        return [path("login/code/", self.login_code, name="login_code"), *self.second_factor_urls()]

    @method_decorator(never_cache)
    @method_decorator(login_not_required)
    def login(  # type: ignore[override] # the stubs' is narrower than Django's own view
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        context = {
            **self.each_context(request),
            "title": "Log in",
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            **(extra_context or {}),
        }
        request.current_app = self.name
        return PasswordView.as_view(extra_context=context)(request)

    @method_decorator(login_not_required)
    def login_code(self, request: HttpRequest) -> HttpResponseBase:
        context = {**self.each_context(request), "title": "Two-step sign-in"}
        return CodeView.as_view(extra_context=context)(request)

    def password_change(  # type: ignore[override] # likewise
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        assert isinstance(request.user, User)  # the site lets only staff come here
        view = PasswordChangeView.as_view(
            form_class=OwnPasswordForm,
            success_url=reverse_lazy("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        if request.method != "POST":
            return view(request)
        with password_change_recorded(request.user.pk, by=request.user):
            return view(request)
