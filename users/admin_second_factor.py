"""The pages on which staff look after their own second factor."""

from base64 import b32encode
from typing import TYPE_CHECKING, Any

import segno
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters

from users import enrolment
from users.admin_forms import ConfirmationForm, RenewalForm
from users.admin_sign_in_forms import CodeForm, IdentityForm
from users.errors import RecoveryCodesRenewed
from users.models import Authenticator, User
from users.reauthentication import confirm_identity
from users.second_factor import (
    RECOVERY_CODES,
    authenticator_of,
    must_have,
    newest_recovery_code,
    recovery_codes_left,
)
from users.staff_sessions import (
    Need,
    confirmed,
    need_of,
    note_confirmation,
    note_removed,
    note_shown,
)

if TYPE_CHECKING:  # unfold ships no types; its classes extend Django's
    from django.contrib.admin import AdminSite as Site
else:
    from unfold.sites import UnfoldAdminSite as Site

KEY = "authenticator_key"  # in the session: of the authenticator that is being set up
FRAMED, BARE = "admin/base_site.html", "unfold/layouts/unauthenticated.html"
SHORT_FORM = "admin/short_form.html"
OVERVIEW = "admin:second_factor"


class SecondFactorPages(Site):
    def second_factor_urls(self) -> list[URLPattern]:
        wrap = self.admin_view
        return [
            path("second-factor/", wrap(self.overview), name="second_factor"),
            path("second-factor/confirm/", wrap(self.confirm), name="second_factor_confirm"),
            path("second-factor/enrol/", wrap(self.enrol), name="second_factor_enrol"),
            path("second-factor/codes/", wrap(self.codes), name="second_factor_codes"),
            path("second-factor/off/", wrap(self.off), name="second_factor_off"),
        ]

    def overview(self, request: HttpRequest) -> HttpResponse:
        user = _person(request)
        context = {
            "device": authenticator_of(user),
            "left": recovery_codes_left(user),
            "all": RECOVERY_CODES,
            "mandatory": must_have(user),
        }
        return self._page(request, "admin/second_factor.html", "Two-step sign-in", **context)

    @method_decorator(sensitive_post_parameters())
    def confirm(self, request: HttpRequest) -> HttpResponse:
        user = _person(request)
        with_code = authenticator_of(user) is not None
        form = IdentityForm(request.POST or None, with_code=with_code)

        def check(data: dict[str, Any]) -> None:
            confirm_identity(user, data["password"], data.get("code", ""))

        if request.method == "POST" and form.passes(check, "__all__"):
            note_confirmation(request)
            return HttpResponseRedirect(_next(request))
        context = {
            "form": form,
            "explanation": "Changing how somebody signs in takes a proof that it is really you.",
            "button": "Continue",
            "back": reverse("admin:index"),
        }
        return self._page(request, SHORT_FORM, "Is it you?", **context)

    @confirmed
    @method_decorator(sensitive_post_parameters())
    def enrol(self, request: HttpRequest) -> HttpResponse:
        user = _person(request)
        if request.method == "POST" and KEY not in request.session:
            messages.info(request, "This page was sent before.")
            return HttpResponseRedirect(reverse(OVERVIEW))
        key = request.session.setdefault(KEY, enrolment.new_key())
        form = CodeForm(request.POST or None)
        made: list[tuple[Authenticator, list[str]]] = []

        def check(data: dict[str, Any]) -> None:
            made.append(enrolment.enrol(user=user, key=key, code=data["code"]))

        if request.method == "POST" and form.passes(check, "code"):
            ((device, codes),) = made
            del request.session[KEY]
            note_shown(request, device)
            return self._shown(request, codes)
        device = enrolment.proposed(user, key)
        context = {
            "form": form,
            "picture": segno.make(device.config_url).svg_data_uri(scale=5, light="#fff"),
            "address": device.config_url,
            "secret": _in_fours(b32encode(device.bin_key).decode()),
            "replaces": authenticator_of(user) is not None,
            "back": reverse(OVERVIEW),
        }
        title = "Set up two-step sign-in"
        return self._page(request, "admin/second_factor_enrol.html", title, **context)

    @confirmed
    def codes(self, request: HttpRequest) -> HttpResponse:
        user = _person(request)
        if authenticator_of(user) is None:
            return HttpResponseRedirect(reverse(OVERVIEW))
        form = RenewalForm(request.POST or None, initial={"newest": newest_recovery_code(user)})
        if form.is_valid():
            try:
                codes = enrolment.renew_recovery_codes(user=user, **form.cleaned_data)
            except RecoveryCodesRenewed as error:
                messages.warning(request, error.detail)
                return HttpResponseRedirect(reverse(OVERVIEW))
            return self._shown(request, codes)
        context = {
            "form": form,
            "explanation": "New recovery codes are made and shown once. Those that you have now "
            "stop working.",
            "button": "Make new recovery codes",
            "back": reverse(OVERVIEW),
        }
        return self._page(request, SHORT_FORM, "New recovery codes", **context)

    @confirmed
    def off(self, request: HttpRequest) -> HttpResponse:
        user = _person(request)
        if must_have(user) or authenticator_of(user) is None:
            return HttpResponseRedirect(reverse(OVERVIEW))
        form = ConfirmationForm(request.POST or None)
        if form.is_valid():
            enrolment.disable(user=user)
            note_removed(request)
            messages.success(request, "Two-step sign-in is off.")
            return HttpResponseRedirect(reverse(OVERVIEW))
        context = {
            "form": form,
            "explanation": "Your password alone will then be enough to sign in. The recovery "
            "codes stop working.",
            "button": "Turn two-step sign-in off",
            "back": reverse(OVERVIEW),
        }
        return self._page(request, SHORT_FORM, "Turn two-step sign-in off", **context)

    def _shown(self, request: HttpRequest, codes: list[str]) -> HttpResponse:
        context = {"codes": codes, "next": _next(request)}
        title = "Save your recovery codes"
        return self._page(request, "admin/recovery_codes.html", title, **context)

    def _page(
        self, request: HttpRequest, template: str, title: str, **context: object
    ) -> TemplateResponse:
        """Without the sidebar for who may not go anywhere yet."""
        forced = need_of(request, _person(request)) is Need.ENROLMENT
        frame = {"forced": forced, "frame": BARE if forced else FRAMED, "title": title}
        shared = {**self.each_context(request), **frame}
        return TemplateResponse(request, template, {**shared, **context})


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the site lets only staff come here
    return request.user


def _next(request: HttpRequest) -> str:
    """Where they were going."""
    goal = request.GET.get(REDIRECT_FIELD_NAME, "")
    ours = url_has_allowed_host_and_scheme(
        goal, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return goal if ours else reverse(OVERVIEW)


def _in_fours(text: str) -> str:
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))
