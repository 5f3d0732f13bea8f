"""Who gets which page of the back-office: the table that tests/test_admin_roles.py walks.

Each page of the admin site has two rows here, GET and an empty POST, under its address as the
resolver has it; `<>` stands for an id in it.
"""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone

from audit.models import AuditLog, Seal, Verification
from audit.sealing import seal_trail
from audit.verification import keep as keep_verification
from audit.verification import verify_trail
from balances.enums import BalanceStatus
from balances.models import Balance, BalanceHistory, Currency
from tests.books import fund, idempotency, make_user, post_one, transfer
from transactions.approval_model import Approval
from transactions.approvals import request_approval
from transactions.asked import Freeze
from transactions.limits import set_limit
from transactions.models import (
    HourlyTotal,
    IdempotencyKey,
    Reconciliation,
    Transaction,
    TransactionLimit,
)
from transactions.reconciliation import keep, reconcile
from users.actors import Actor
from users.api_keys import create_api_key
from users.models import (
    ApiKey,
    Authenticator,
    LoginTally,
    RecoveryCode,
    User,
    UserNote,
)
from users.notes import add_note
from users.roles import Role
from users.staff_sessions import CONFIRMED

PEOPLE = ("anonymous", "user", "auditor", "finance", "admin", "superuser")
OUT = "sign in"  # sent to the sign-in page
ON = "redirect"  # sent to another page, where there are other rows
OK, NO, NONE, BAD = 200, 403, 404, 405

Answer = str | int
Pages = dict[tuple[str, str], tuple[Answer, ...]]

#                              anonymous user auditor finance admin superuser
BOOKS: Pages = {
    ("GET", ""):                  (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "<>/change/"):        (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "<>/history/"):       (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "<>/"):               (OUT,  OUT,  ON,   ON,   ON,   ON),
    ("GET", "add/"):              (OUT,  OUT,  NO,   NO,   NO,   NO),
    ("GET", "<>/delete/"):        (OUT,  OUT,  NO,   NO,   NO,   NO),
    ("POST", ""):                 (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("POST", "<>/change/"):       (OUT,  OUT,  NO,   NO,   NO,   NO),
    ("POST", "<>/history/"):      (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("POST", "<>/"):              (OUT,  OUT,  ON,   ON,   ON,   ON),
    ("POST", "add/"):             (OUT,  OUT,  NO,   NO,   NO,   NO),
    ("POST", "<>/delete/"):       (OUT,  OUT,  NO,   NO,   NO,   NO),
}  # fmt: skip
LISTED: Pages = BOOKS | {
    ("GET", "export.csv"):        (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "export.xlsx"):       (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("POST", "export.csv"):       (OUT,  OUT,  BAD,  BAD,  BAD,  BAD),
    ("POST", "export.xlsx"):      (OUT,  OUT,  BAD,  BAD,  BAD,  BAD),
}  # fmt: skip
USERS: Pages = LISTED | {
    ("GET", "add/"):              (OUT,  OUT,  NO,   NO,   OK,   OK),
    ("POST", "add/"):             (OUT,  OUT,  NO,   NO,   OK,   OK),
    ("GET", "<>/account/"):       (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("POST", "<>/account/"):      (OUT,  OUT,  NO,   NO,   OK,   OK),
    ("GET", "<>/notes/"):         (OUT,  OUT,  NO,   ON,   ON,   ON),
    ("POST", "<>/notes/"):        (OUT,  OUT,  NO,   ON,   ON,   ON),
    ("GET", "<>/password/"):      (OUT,  OUT,  NO,   NO,   OK,   OK),
    ("POST", "<>/password/"):     (OUT,  OUT,  NO,   NO,   OK,   OK),
    ("GET", "<>/unlock/"):        (OUT,  OUT,  NO,   NO,   OK,   OK),
    ("POST", "<>/unlock/"):       (OUT,  OUT,  NO,   NO,   OK,   OK),
    ("GET", "<>/second-factor/"): (OUT,  OUT,  NO,   NO,   OK,   OK),
    ("POST", "<>/second-factor/"):(OUT,  OUT,  NO,   NO,   OK,   OK),
}  # fmt: skip
KEYS: Pages = {
    ("GET", ""):                  (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "<>/change/"):        (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "<>/history/"):       (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "<>/"):               (OUT,  OUT,  ON,   ON,   ON,   ON),
    ("GET", "add/"):              (OUT,  OUT,  NO,   NO,   OK,   OK),
    ("GET", "export.csv"):        (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "export.xlsx"):       (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "<>/rotate/"):        (OUT,  OUT,  NO,   NO,   OK,   OK),
    ("GET", "<>/revoke/"):        (OUT,  OUT,  NO,   NO,   OK,   OK),
    ("GET", "<>/delete/"):        (OUT,  OUT,  NO,   NO,   NO,   NO),
    ("POST", ""):                 (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("POST", "<>/change/"):       (OUT,  OUT,  NO,   NO,   NO,   NO),
    ("POST", "<>/history/"):      (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("POST", "<>/"):              (OUT,  OUT,  ON,   ON,   ON,   ON),
    ("POST", "add/"):             (OUT,  OUT,  NO,   NO,   OK,   OK),
    ("POST", "export.csv"):       (OUT,  OUT,  BAD,  BAD,  BAD,  BAD),
    ("POST", "export.xlsx"):      (OUT,  OUT,  BAD,  BAD,  BAD,  BAD),
    ("POST", "<>/rotate/"):       (OUT,  OUT,  NO,   NO,   OK,   OK),
    ("POST", "<>/revoke/"):       (OUT,  OUT,  NO,   NO,   OK,   OK),
    ("POST", "<>/delete/"):       (OUT,  OUT,  NO,   NO,   NO,   NO),
}  # fmt: skip
BALANCES: Pages = LISTED | {
    ("GET", "statement/"):        (OUT,  OUT,  NONE, NONE, NONE, NONE),  # of whom?
    ("POST", "statement/"):       (OUT,  OUT,  NONE, NONE, NONE, NONE),
}  # fmt: skip
TRANSACTIONS: Pages = LISTED | {
    ("GET", "deposit/"):          (OUT,  OUT,  NO,   OK,   OK,   OK),
    ("GET", "withdraw/"):         (OUT,  OUT,  NO,   OK,   OK,   OK),
    ("GET", "adjust/"):           (OUT,  OUT,  NO,   OK,   OK,   OK),
    ("GET", "freeze/"):           (OUT,  OUT,  NO,   OK,   OK,   OK),
    ("GET", "limit/"):            (OUT,  OUT,  NO,   OK,   OK,   OK),
    ("GET", "<>/reverse/"):       (OUT,  OUT,  NO,   OK,   OK,   OK),
    ("GET", "<>/capture/"):       (OUT,  OUT,  NO,   ON,   ON,   ON),  # nothing is pending
    ("GET", "<>/cancel/"):        (OUT,  OUT,  NO,   ON,   ON,   ON),
    ("POST", "deposit/"):         (OUT,  OUT,  NO,   OK,   OK,   OK),
    ("POST", "withdraw/"):        (OUT,  OUT,  NO,   OK,   OK,   OK),
    ("POST", "adjust/"):          (OUT,  OUT,  NO,   OK,   OK,   OK),
    ("POST", "freeze/"):          (OUT,  OUT,  NO,   OK,   OK,   OK),
    ("POST", "limit/"):           (OUT,  OUT,  NO,   OK,   OK,   OK),
    ("POST", "<>/reverse/"):      (OUT,  OUT,  NO,   OK,   OK,   OK),
    ("POST", "<>/capture/"):      (OUT,  OUT,  NO,   OK,   OK,   OK),
    ("POST", "<>/cancel/"):       (OUT,  OUT,  NO,   OK,   OK,   OK),
}  # fmt: skip
APPROVALS: Pages = BOOKS | {
    ("GET", "<>/approve/"):       (OUT,  OUT,  NO,   ON,   ON,   ON),
    ("GET", "<>/reject/"):        (OUT,  OUT,  NO,   ON,   ON,   ON),
    ("GET", "<>/withdraw/"):      (OUT,  OUT,  NO,   ON,   ON,   ON),
    ("POST", "<>/approve/"):      (OUT,  OUT,  NO,   ON,   ON,   ON),
    ("POST", "<>/reject/"):       (OUT,  OUT,  NO,   ON,   ON,   ON),
    ("POST", "<>/withdraw/"):     (OUT,  OUT,  NO,   ON,   ON,   ON),
}  # fmt: skip
MODELS: dict[type[Model], Pages] = {
    User: USERS,
    ApiKey: KEYS,
    UserNote: BOOKS,
    Balance: BALANCES,
    BalanceHistory: LISTED,
    Currency: BOOKS,
    Transaction: TRANSACTIONS,
    IdempotencyKey: LISTED,
    TransactionLimit: LISTED,
    Approval: APPROVALS,
    Reconciliation: BOOKS,
    AuditLog: LISTED,
    Seal: BOOKS,
    Verification: BOOKS,
}
# What nobody sees there.
UNSEEN: set[type[Model]] = {Authenticator, HourlyTotal, LoginTally, RecoveryCode}
# What belongs to no model.
SITE: Pages = {
    ("GET", ""):                       (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "login/"):                 (OK,   OK,   ON,   ON,   ON,   ON),
    ("GET", "login/code/"):            (OUT,  OUT,  OUT,  OUT,  OUT,  OUT),
    ("GET", "logout/"):                (ON,   ON,   BAD,  BAD,  BAD,  BAD),
    ("GET", "password_change/"):       (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "password_change/done/"):  (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "second-factor/"):         (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "second-factor/confirm/"): (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "second-factor/enrol/"):   (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "second-factor/codes/"):   (OUT,  OUT,  ON,   ON,   ON,   ON),
    ("GET", "second-factor/off/"):     (OUT,  OUT,  ON,   ON,   ON,   ON),
    ("GET", "search/"):                (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "autocomplete/"):          (OUT,  OUT,  NO,   NO,   NO,   NO),
    ("GET", "jsi18n/"):                (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "r/<>/<>/"):               (OUT,  OUT,  NONE, NONE, NONE, NONE),
    ("GET", "<app>/"):                 (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("GET", "<nowhere>"):              (OUT,  OUT,  NONE, NONE, NONE, NONE),
    ("POST", ""):                      (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("POST", "login/"):                (OK,   OK,   OK,   OK,   OK,   OK),
    ("POST", "login/code/"):           (OUT,  OUT,  OUT,  OUT,  OUT,  OUT),
    ("POST", "logout/"):               (ON,   ON,   OK,   OK,   OK,   OK),
    ("POST", "password_change/"):      (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("POST", "password_change/done/"): (OUT,  OUT,  BAD,  BAD,  BAD,  BAD),
    ("POST", "second-factor/"):        (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("POST", "second-factor/confirm/"):(OUT,  OUT,  OK,   OK,   OK,   OK),
    ("POST", "second-factor/enrol/"):  (OUT,  OUT,  ON,   ON,   ON,   ON),
    ("POST", "second-factor/codes/"):  (OUT,  OUT,  ON,   ON,   ON,   ON),
    ("POST", "second-factor/off/"):    (OUT,  OUT,  ON,   ON,   ON,   ON),
    ("POST", "search/"):               (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("POST", "autocomplete/"):         (OUT,  OUT,  BAD,  BAD,  BAD,  BAD),
    ("POST", "jsi18n/"):               (OUT,  OUT,  BAD,  BAD,  BAD,  BAD),
    ("POST", "r/<>/<>/"):              (OUT,  OUT,  NONE, NONE, NONE, NONE),
    ("POST", "<app>/"):                (OUT,  OUT,  OK,   OK,   OK,   OK),
    ("POST", "<nowhere>"):             (OUT,  OUT,  NONE, NONE, NONE, NONE),
}  # fmt: skip


def table() -> dict[tuple[str, str], dict[str, Answer]]:
    """Every row, by method and address below /admin/."""
    rows = dict(SITE)
    for model, pages in MODELS.items():
        rows |= {(way, folder_of(model) + page): answers for (way, page), answers in pages.items()}
    return {row: dict(zip(PEOPLE, answers, strict=True)) for row, answers in rows.items()}


def pages_of_the_site() -> Iterator[str]:
    """The address of every page below /admin/, as the resolver has it."""
    regular = {
        r"(?P<url>.*)$": "<nowhere>",
        r"^(?P<app_label>users|balances|transactions|audit)/$": "<app>/",
    }
    for route in _routes(admin.site.urls[0]):
        yield regular.get(route) or re.sub(r"<[^>]*>", "<>", route)


def _routes(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for found in patterns:
        if isinstance(found, URLResolver):
            yield from (f"{found.pattern}{route}" for route in _routes(found.url_patterns))
        else:
            yield str(found.pattern)


def folder_of(model: type[Model]) -> str:
    return f"{model._meta.app_label}/{model._meta.model_name}/"


def path_of(page: str) -> str:
    """A path to ask for, with the id of a row that is there."""
    page = page.replace("<nowhere>", "no/such/page").replace("<app>", "users")
    for model in MODELS:
        if page.startswith(folder_of(model)):
            page = page.replace("<>", str(model._default_manager.earliest("pk").pk))
    return reverse("admin:index") + page.replace("<>", "1")


def address(model: Any, page: str) -> str:
    app, name = model._meta.app_label, model._meta.model_name
    args = [] if page in {"changelist", "add"} else [model.objects.earliest("pk").pk]
    return reverse(f"admin:{app}_{name}_{page}", args=args)


def make_person(person: str) -> User:
    """A new user called like the role, or the superuser."""
    if person == "superuser":
        return make_user(person, Role.ADMIN, is_superuser=True)
    return make_user(f"the-{person}", Role(person))


def signed_in(user: User | None) -> Client:
    """The user's browser, right after the sign-in."""
    client = Client()
    if user is not None:
        client.force_login(user)
        session = client.session
        session[CONFIRMED] = int(time.time())
        session.save()
    return client


def sign_in(person: str) -> Client:
    return signed_in(None if person == "anonymous" else make_person(person))


def one_of_each(alice: User, bob: User) -> Transaction:
    """Makes a row of every model, and returns the transfer among them."""
    fund(alice, "100.00")
    create_api_key(user_id=alice.pk, name="shop", scopes=["read"], by=Actor.system("setup"))
    key = idempotency("invoice-7")
    made = post_one(transfer(alice, bob, "12.50", reference="INV-7", idempotency=key)).transaction
    assert made is not None
    limit(alice)
    add_note(user_id=alice.pk, text="Called about a fee.", by=Actor.of(bob))
    ask_to_freeze(alice, make_user("asking", Role.FINANCE))
    keep(reconcile(), started_at=timezone.now(), took=timedelta(seconds=1))
    seal_trail(settled=timedelta(0))
    keep_verification(verify_trail(), started_at=timezone.now(), took=timedelta(seconds=1))
    return made


def ask_to_freeze(user: User, by: User) -> None:
    asked = Freeze(user_id=user.pk, currency="USD", status=BalanceStatus.FROZEN)
    request_approval(asked=asked, reason="card stolen", by=Actor.of(by))


def limit(user: User) -> None:
    by = Actor.system("limits")
    set_limit(subject=user, currency="USD", per_transaction=9_999, per_day=None, by=by)
