"""Notes of staff about a user: added, never changed or removed."""

from django.db.transaction import atomic
from django.utils import timezone

from ledgerlink.errors import NotFound
from users.actors import Actor
from users.models import User, UserNote
from users.signals import user_changed


def add_note(*, user_id: int, text: str, by: Actor) -> UserNote:
    """Add a note, with its audit record. The same text twice in a row by the same author is one
    note: a form was sent twice. Raises NotFound."""
    assert by.user_id is not None
    with atomic():
        # The lock makes two notes of one moment meet, so that the second sees the first.
        user = User.objects.select_for_update().filter(pk=user_id).first()
        if user is None:
            raise NotFound
        newest = user.notes.order_by("-pk").first()
        if newest is not None and (newest.author_id, newest.text) == (by.user_id, text):
            return newest
        note = UserNote.objects.create(
            user=user, author_id=by.user_id, text=text, created_at=timezone.now()
        )
        user_changed.send(
            sender=None, user=user, actor=by, action="note_added", changes={"note": [None, text]}
        )
    return note
