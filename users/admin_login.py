"""The back-office's way in: the password, then the code of whoever has an authenticator. Nobody is
signed in before both were right, and `SecondFactorMiddleware` holds every page to that."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import LoginView, RedirectURLMixin, redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from users.admin_sign_in_forms import CodeForm, LoginForm
from users.models import User
from users.second_factor import authenticator_of, check_code
from users.staff_sessions import Need, await_code, awaited, begin, need_of, note_shown

if TYPE_CHECKING:
    CodeFormView = FormView[CodeForm]
else:
    CodeFormView = FormView

GetResponse = Callable[[HttpRequest], HttpResponse]

OPEN = {"login", "login_code", "logout"}
TO_ENROL = {"second_factor_enrol", "second_factor_confirm"}


class PasswordView(LoginView):
    authentication_form = LoginForm
    template_name = "admin/login.html"

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        goal = self.get_success_url()
        if authenticator_of(user) is None:
            begin(self.request, user)
            return HttpResponseRedirect(goal)
        await_code(self.request, user)
        return redirect_to_login(goal, reverse("admin:login_code"))


@method_decorator(
    [sensitive_post_parameters(), csrf_protect, never_cache],
    name="dispatch",
)
class CodeView(RedirectURLMixin, CodeFormView):
    """For who has given the password, and for sessions from before the authenticator."""

    form_class = CodeForm
    template_name = "admin/login_code.html"
    next_page = "admin:index"
    person: User

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        person = awaited(request) or _signed_in_without_code(request)
        if person is None:
            return redirect_to_login(self.get_success_url(), reverse("admin:login"))
        self.person = person
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "recovery": "recovery" in self.request.GET}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = {"next": self.get_success_url(), "recovery": "recovery" in self.request.GET}
        return super().get_context_data(**shown, **kwargs)

    def form_valid(self, form: CodeForm) -> HttpResponse:
        found = []
        if not form.passes(
            lambda data: found.append(check_code(self.person, data["code"])), "code"
        ):
            return self.form_invalid(form)
        if self.request.user != self.person:
            begin(self.request, self.person)
        note_shown(self.request, found[0])
        return HttpResponseRedirect(self.get_success_url())


def _signed_in_without_code(request: HttpRequest) -> User | None:
    user = request.user
    waits = isinstance(user, User) and user.is_staff and need_of(request, user) is Need.CODE
    return user if waits else None  # type: ignore[return-value] # `waits` says that it is a User


class SecondFactorMiddleware:
    """Lets a session of the back-office do nothing before it has what it needs."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: object, _args: object, _kwargs: object
    ) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or "admin" not in match.app_names or match.url_name in OPEN:
            return None
        user = request.user
        if not isinstance(user, User) or not user.is_staff:
            return None  # the site itself sends them away
        need = need_of(request, user)
        if need is Need.NOTHING or (need is Need.ENROLMENT and match.url_name in TO_ENROL):
            return None
        if need is Need.SIGN_IN:
            logout(request)
            messages.warning(request, "Your two-step sign-in was changed. Sign in again.")
        page = {Need.CODE: "login_code", Need.ENROLMENT: "second_factor_enrol"}.get(need, "login")
        return redirect_to_login(request.get_full_path(), reverse(f"admin:{page}"))
