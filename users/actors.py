"""Who does something, frozen at the moment of asking, as the audit trail will keep it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledgerlink.context import RequestContext, current_request

if TYPE_CHECKING:
    from users.models import User

NAME_MAX_LENGTH = 64  # of an actor in the audit trail


@dataclass(frozen=True, slots=True)
class Actor:
    """`user_id` is None for a command or the system itself, whose `name` then tells which."""

    user_id: int | None
    name: str
    request: RequestContext
    shows_key: bool = False

    @classmethod
    def of(cls, user: "User") -> "Actor":
        """The signed-in user, with the ids of the request being served; whoever shows an API key
        is called `billing (key ll_ab12cd34)`."""
        name = user.username
        if user.shown_key is not None:
            suffix = f" (key {user.shown_key.prefix})"
            name = name[: NAME_MAX_LENGTH - len(suffix)] + suffix
        return cls(user.pk, name, current_request.get(), user.shown_key is not None)

    @classmethod
    def system(cls, name: str) -> "Actor":
        """A management command or a background task, called `name` in the audit trail."""
        return cls(None, name, current_request.get())

    @classmethod
    def anonymous(cls) -> "Actor":
        """Somebody who is not signed in, such as a person who registers."""
        return cls(None, "anonymous", current_request.get())

    @property
    def is_person(self) -> bool:
        """Neither a command nor a program with an API key."""
        return self.user_id is not None and not self.shows_key

    @property
    def scope(self) -> str:
        """Whose idempotency keys these are: keys of two callers never meet."""
        return f"user:{self.user_id}" if self.user_id is not None else f"system:{self.name}"
