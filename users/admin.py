"""Users in the back-office. Writes go through `users.accounts`, which keeps the audit trail."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.core.exceptions import ValidationError
from django.db.models import Model, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from ledgerlink.admin import badge, link, number_of, shown_time
from ledgerlink.admin_filters import PeriodFilter
from ledgerlink.admin_lists import Search
from ledgerlink.errors import LedgerError
from ledgerlink.long_lists import Way
from users import accounts
from users.actors import Actor
from users.admin_api_keys import ApiKeyAdmin
from users.admin_columns import USER_COLUMNS
from users.admin_dossier import CustomerAdmin, UserNoteAdmin
from users.admin_filters import AccountFilter, RoleFilter
from users.admin_forms import PasswordForm, UserAddForm, UserChangeForm
from users.admin_sessions import password_change_recorded
from users.admin_user_sign_in import SignInAdmin
from users.models import User
from users.queries import users_like
from users.roles import Role
from users.staff_sessions import is_confirmed, to_confirmation

if TYPE_CHECKING:
    Base = DjangoUserAdmin[User]
else:
    Base = DjangoUserAdmin

__all__ = ["ApiKeyAdmin", "UserAdmin", "UserNoteAdmin"]

ROLE_COLOURS = {
    str(Role.ADMIN.label): "danger",
    str(Role.FINANCE.label): "warning",
    str(Role.AUDITOR.label): "info",
}
ACCOUNT = ("username", "email", "role", "is_active")  # what is changed of one


@admin.register(User)
class UserAdmin(CustomerAdmin, SignInAdmin, Base):
    """Added and changed by role admin, read by the other staff, deleted by nobody here."""

    list_display = ("username", "email_shown", "role_shown", "active", "created")
    list_filter = (RoleFilter, AccountFilter, PeriodFilter)
    search_fields = ("id", "username", "email")
    search_help_text = "Beginning of a username or e-mail, or a number such as #12"
    export_columns = USER_COLUMNS
    actions = None
    filter_horizontal = ()
    readonly_fields = (
        "id",
        "password_shown",
        "second_factor",
        "second_factor_read",
        "locked",
        "locked_read",
        "created",
        "changed",
        "deleted",
        "signed_in",
    )
    fieldsets = (
        (None, {"fields": (*ACCOUNT, "shown")}),
        ("Signing in", {"fields": ("password_shown", "second_factor", "locked")}),
        ("Record", {"fields": ("id", "created", "changed", "signed_in", "deleted")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "email", "role", "password1", "password2")}),)
    add_form_template = None
    change_form_outer_before_template = "admin/dossier/user_tabs.html"
    form = UserChangeForm
    add_form = UserAddForm
    change_password_form = PasswordForm

    def search(self, term: str) -> Search:
        number = number_of(term.removeprefix("#")) or 0
        ways = [Way(found) for found in (*users_like(term), Q(pk=number))]
        return Search(reduce(or_, (way.condition for way in ways)), ways)

    @badge("role", ROLE_COLOURS)
    def role_shown(self, user: User) -> str:
        return user.get_role_display()

    @admin.display(description="e-mail", ordering="email")
    def email_shown(self, user: User) -> str:
        return user.email

    @admin.display(description="active", ordering="is_active", boolean=True)
    def active(self, user: User) -> bool:
        return user.is_active

    @admin.display(description="password")
    def password_shown(self, user: User) -> str:
        return link("Set a new password", "auth_user_password_change", user.pk)

    @admin.display(description="created (UTC)", ordering="id")
    def created(self, user: User) -> str:
        return shown_time(user.created_at)

    @admin.display(description="changed (UTC)")
    def changed(self, user: User) -> str:
        return shown_time(user.updated_at)

    @admin.display(description="deleted (UTC)")
    def deleted(self, user: User) -> str:
        return shown_time(user.deleted_at)

    @admin.display(description="last sign-in here (UTC)")
    def signed_in(self, user: User) -> str:
        return shown_time(user.last_login)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A deleted user stays as it was, and only a superuser changes a superuser."""
        if isinstance(obj, User):
            below = isinstance(request.user, User) and request.user.is_below(obj)
            if below or obj.deleted_at is not None:
                return False
        return super().has_change_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Who may only read sees how the user signs in, without what would change it."""
        if obj is None:
            return self.add_fieldsets
        if self.has_change_permission(request, obj):
            return self.fieldsets
        signing_in = ("Signing in", {"fields": ("second_factor_read", "locked_read")})
        return (None, {"fields": ACCOUNT}), signing_in, self.fieldsets[-1]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Shows what `users.accounts` refuses although the form found nothing wrong."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        except LedgerError as error:
            messages.error(request, error.detail)
        return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: Any) -> None:
        assert isinstance(request.user, User)
        by = Actor.of(request.user)
        data = form.cleaned_data
        if change:
            changes = {name: data[name] for name in ACCOUNT if name in form.changed_data}
            accounts.update_user(
                user_id=obj.pk, changes=changes, by=by, unchanged_since=data["shown"]
            )
            return
        created = accounts.create_user(
            username=data["username"],
            email=data["email"],
            password=data["password1"],
            role=data["role"],
            by=by,
        )
        obj.pk = created.pk

    def save_related(self, *_args: Any, **_kwargs: Any) -> None:
        """Nothing: a user's group follows from the role."""

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 - Django's name
        form_url: str = "",
    ) -> HttpResponse:
        assert isinstance(request.user, User)
        if not is_confirmed(request):
            return to_confirmation(request)
        if request.method != "POST":
            return super().user_change_password(request, id, form_url)
        number = number_of(unquote(id)) or 0
        with password_change_recorded(number, by=request.user):
            return super().user_change_password(request, id, form_url)
