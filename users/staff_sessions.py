"""What a session of the back-office knows: the authenticator its person has shown, and when they
last proved who they are."""

import time
from collections.abc import Callable
from enum import Enum, auto
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from users.models import Authenticator, User
from users.second_factor import authenticator_of, must_have

SHOWN = "authenticator"  # primary key
CONFIRMED = "confirmed_at"  # seconds since 1970
AWAITED = "awaiting_code"  # who has given the password, and when

CODE_SECONDS = 10 * 60  # for which the password counts while the code is awaited
CONFIRMED_SECONDS = 10 * 60  # for which no second proof is asked for

View = Callable[..., HttpResponse]


class Need(Enum):
    """What a session still needs before it may do anything."""

    NOTHING = auto()
    CODE = auto()  # of the authenticator that the person has by now
    ENROLMENT = auto()
    SIGN_IN = auto()  # the authenticator that was shown is no longer theirs


def need_of(request: HttpRequest, user: User) -> Need:
    device, shown = authenticator_of(user), request.session.get(SHOWN)
    if device is not None:
        return Need.NOTHING if shown == device.pk else Need.CODE
    if shown is not None:
        return Need.SIGN_IN
    return Need.ENROLMENT if must_have(user) else Need.NOTHING


def await_code(request: HttpRequest, user: User) -> None:
    """The password was right; nobody is signed in yet."""
    request.session[AWAITED] = {
        "user": user.pk,
        "at": int(time.time()),
        "password": user.get_session_auth_hash(),
    }


def awaited(request: HttpRequest) -> User | None:
    """Who has given the password a moment ago, and has it still."""
    waiting = request.session.get(AWAITED)
    if waiting is None or waiting["at"] < time.time() - CODE_SECONDS:
        return None
    user = User.objects.filter(pk=waiting["user"], is_active=True).first()
    if user is None or not constant_time_compare(waiting["password"], user.get_session_auth_hash()):
        return None
    return user


def begin(request: HttpRequest, user: User) -> None:
    """Sign the user in."""
    request.session.pop(AWAITED, None)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    request.session.pop(SHOWN, None)
    note_confirmation(request)


def note_shown(request: HttpRequest, device: Authenticator) -> None:
    """A code of this authenticator was right."""
    request.session[SHOWN] = device.pk
    note_confirmation(request)


def note_removed(request: HttpRequest) -> None:
    """The person has no authenticator any more."""
    request.session.pop(SHOWN, None)


def note_confirmation(request: HttpRequest) -> None:
    request.session[CONFIRMED] = int(time.time())


def is_confirmed(request: HttpRequest) -> bool:
    """Whether they have proved who they are a moment ago: an unlocked screen is not enough to
    change how somebody signs in."""
    at: int = request.session.get(CONFIRMED, 0)
    return at > time.time() - CONFIRMED_SECONDS


def to_confirmation(request: HttpRequest) -> HttpResponse:
    confirm = reverse("admin:second_factor_confirm")
    return redirect_to_login(request.get_full_path(), confirm)


def confirmed(view: View) -> View:
    """Asks whoever comes to the view for the proof first."""

    @wraps(view)
    def asked(owner: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_confirmed(request):
            return view(owner, request, *args, **kwargs)
        return to_confirmation(request)

    return asked
