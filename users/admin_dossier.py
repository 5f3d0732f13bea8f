"""The page of one customer: what each app knows of them, and the notes of staff."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from ledgerlink.admin import ReadOnlyAdmin, SearchedAdmin, link, shown_time
from ledgerlink.dossier import DossierAdmin, Panel, deeds_of, panel, panels_of
from ledgerlink.errors import LedgerError
from users.actors import Actor
from users.admin_filters import NotesAboutFilter
from users.models import NOTE_MAX_LENGTH, User, UserNote
from users.notes import add_note
from users.roles import Role

if TYPE_CHECKING:  # unfold ships no types; its classes extend Django's
    from django.forms import Textarea
else:
    from unfold.widgets import UnfoldAdminTextareaWidget as Textarea

ROLE_COLOURS = {Role.ADMIN: "danger", Role.FINANCE: "warning", Role.AUDITOR: "info"}
SHOWN_NOTES = 20
WRITE_NOTES = "users.add_usernote"


class NoteForm(forms.Form):
    text = forms.CharField(
        label="New note",
        max_length=NOTE_MAX_LENGTH,
        widget=Textarea(attrs={"rows": 3}),
        help_text="Notes stay: they can't be changed or taken away.",
    )


class CustomerAdmin(DossierAdmin, SearchedAdmin):
    """The part of the users' admin that shows a user to staff."""

    dossier_template = "admin/dossier/customer.html"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/account/", wrap(self.account_view), name="users_user_account"),
            path("<int:pk>/notes/", wrap(self.note_view), name="users_user_notes"),
        ]
        return [*own, *super().get_urls()]

    def dossier(self, request: HttpRequest, subject: User) -> dict[str, Any]:
        return {
            "role_colour": ROLE_COLOURS.get(Role(subject.role), ""),
            "deeds": deeds_of("user", request, subject),
            "panels": panels_of("user", request, subject),
        }

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return self.dossier_view(request, object_id)

    def account_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The form of name, e-mail and role. Who changed it is in the audit trail, not in Django's
        history."""
        return super().change_view(request, str(pk), extra_context={"show_history": False})

    def response_post_save_change(self, request: HttpRequest, obj: User) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:users_user_account", args=[obj.pk]))

    def note_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        user = request.user
        if not isinstance(user, User) or not user.has_perm(WRITE_NOTES):
            raise PermissionDenied
        form = NoteForm(request.POST)
        if request.method == "POST" and not form.is_valid():
            messages.error(request, f"Write a note of 1 to {NOTE_MAX_LENGTH} characters.")
        elif request.method == "POST":
            try:
                add_note(user_id=pk, text=form.cleaned_data["text"], by=Actor.of(user))
            except LedgerError as error:
                messages.error(request, error.detail)
        return HttpResponseRedirect(reverse("admin:users_user_change", args=[pk]) + "#notes")


@panel("user", 60)
def notes(request: HttpRequest, user: User) -> Panel:
    newest = user.notes.select_related("author").order_by("-pk")[: SHOWN_NOTES + 1]
    may_write = isinstance(request.user, User) and request.user.has_perm(WRITE_NOTES)
    shown = {
        "notes": list(newest),
        "shown": SHOWN_NOTES,
        "form": NoteForm() if may_write else None,
        "send_to": reverse("admin:users_user_notes", args=[user.pk]),
        "all": reverse("admin:users_usernote_changelist", query={"user": user.pk}),
    }
    return Panel("notes", "Notes", "admin/dossier/notes.html", shown, aside=True)


@admin.register(UserNote)
class UserNoteAdmin(ReadOnlyAdmin):
    """Written on the page of the user."""

    list_display = ("time", "about", "author", "text")
    list_filter = (NotesAboutFilter,)
    list_select_related = ("user", "author")
    search_fields = ("username", "text")
    search_help_text = "Username of whom it is about, words of the note"
    ordering = ("-id",)
    fieldsets = ((None, {"fields": ("time", "about", "author", "text")}),)

    def matching(self, term: str) -> Q:
        return Q(user__username__icontains=term) | Q(text__icontains=term)

    @admin.display(description="time (UTC)", ordering="id")
    def time(self, note: UserNote) -> str:
        return shown_time(note.created_at)

    @admin.display(description="about")
    def about(self, note: UserNote) -> str:
        return link(note.user.username, "users_user_change", note.user_id)
