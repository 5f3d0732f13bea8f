"""Every page of the back-office answers every role as the table in tests/back_office.py says."""

import pytest
from django.apps import apps
from django.contrib import admin as django_admin
from django.urls import reverse
from pytest_django import Settings

from tests.back_office import (
    MODELS,
    ON,
    OUT,
    PEOPLE,
    UNSEEN,
    Answer,
    folder_of,
    make_person,
    one_of_each,
    pages_of_the_site,
    path_of,
    signed_in,
    table,
)
from tests.e2e.world import STANDARD
from tests.phones import Phones
from users.models import User

# Open to whoever has not shown a second factor yet; the second, to whoever has none.
LET_IN = {"login/", "login/code/", "logout/"}
TO_SET_UP = {"second-factor/enrol/", "second-factor/confirm/"}

FOLDERS = ["", *map(folder_of, MODELS)]  # the first is for what belongs to no model


def test_table_has_each_page_of_the_site_and_no_other() -> None:
    rows = {(way, page) for page in pages_of_the_site() for way in ("GET", "POST")}
    assert table().keys() == rows


def test_every_model_of_ours_has_a_page_and_secrets_have_none() -> None:
    ours = {"users", "balances", "transactions", "audit"}
    models = {model for model in apps.get_models() if model._meta.app_label in ours}
    assert models == MODELS.keys() | UNSEEN
    assert set(django_admin.site._registry) == MODELS.keys()


@pytest.mark.parametrize("folder", FOLDERS)
def test_pages_answer_each_role_as_the_table_says(alice: User, bob: User, folder: str) -> None:
    one_of_each(alice, bob)
    people = {person: make_person(person) for person in PEOPLE if person != "anonymous"}
    expected = {
        row: answers for row, answers in table().items() if folder_of_page(row[1]) == folder
    }
    found = {
        (way, page): {
            person: answer_to(people.get(person), way, path_of(page)) for person in PEOPLE
        }
        for way, page in expected
    }
    assert found == expected


@pytest.mark.skipif(STANDARD, reason="once is enough: what is shut sends no statement")
@pytest.mark.parametrize("has_authenticator", [False, True])
def test_no_page_is_open_without_the_second_factor_that_is_required(
    alice: User,
    bob: User,
    admin: User,
    phones: Phones,
    settings: Settings,
    *,
    has_authenticator: bool,
) -> None:
    settings.STAFF_REQUIRE_2FA = True
    one_of_each(alice, bob)
    if has_authenticator:
        phones.set_up(admin)
    goal = reverse("admin:login_code" if has_authenticator else "admin:second_factor_enrol")
    shut = {}
    for page in set(pages_of_the_site()) - LET_IN:
        for way in ("GET", "POST"):
            client, path = signed_in(admin), path_of(page)
            response = client.get(path) if way == "GET" else client.post(path)
            shut[way, page] = response.headers.get("Location", "").startswith(f"{goal}?next=")
    allowed = set() if has_authenticator else TO_SET_UP
    assert {page for (_, page), is_shut in shut.items() if not is_shut} == allowed
    assert len(shut) > 100


def folder_of_page(page: str) -> str:
    return next((folder for folder in FOLDERS[1:] if page.startswith(folder)), "")


def answer_to(user: User | None, way: str, path: str) -> Answer:
    """In a session of its own, since some pages end it."""
    client = signed_in(user)
    response = client.get(path) if way == "GET" else client.post(path)
    if response.status_code not in {301, 302}:
        return response.status_code
    return OUT if response["Location"].startswith(reverse("admin:login")) else ON
