"""Starting with APP_ENV=production: refused while a secret is missing, default or short."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from bench.servers.process import ServerError
from tests.e2e.world import environment
from tests.servers import LedgerServer

GOOD = {
    "APP_ENV": "production",
    "SECRET_KEY": "Vq3n8pT0wZr5yKcL2sXh7bJd4mFg9aEu1iQoRt6vNxWe",
    "JWT_SECRET": "h5Gk2Pz9Lq7Rw4Tn0Vb3Xc8Yd1Mf6Sj-aUeIoKpZrQtN",
    "ALLOWED_HOSTS": "127.0.0.1",
    "SECURE_SSL_REDIRECT": "false",
}


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    with environment("e2e_production", tmp_path_factory.mktemp("production")) as made:
        yield {name: value for name, value in made.items() if name != "SELF_SERVICE_FUNDING"}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"JWT_SECRET": ""}, "JWT_SECRET"),
        ({"JWT_SECRET": "short"}, "JWT_SECRET"),
        ({"JWT_SECRET": "a" * 64}, "JWT_SECRET"),
        ({"SECRET_KEY": "change-me-change-me-change-me-change-me-1234"}, "SECRET_KEY"),
        ({"JWT_SECRET": GOOD["SECRET_KEY"]}, "JWT_SECRET"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
    ],
    ids=str,
)
def test_production_refuses_to_start(
    wrong: dict[str, str], named: str, env: Mapping[str, str]
) -> None:
    server = LedgerServer({**env, **GOOD, **wrong})
    with pytest.raises(ServerError) as refused, server:
        pass
    assert named in str(refused.value)
    for secret in (GOOD["SECRET_KEY"], GOOD["JWT_SECRET"], *wrong.values()):
        assert len(secret) < 10 or secret not in str(refused.value)


def test_production_starts_with_good_secrets(env: Mapping[str, str]) -> None:
    with LedgerServer({**env, **GOOD}) as server:
        assert httpx.get(f"{server.url}/api/v1/health/ready").json()["status"] == "ok"
        elsewhere = httpx.get(f"{server.url}/api/v1/health", headers={"Host": "evil.example"})
        assert elsewhere.status_code == 400
        assert httpx.get(f"{server.url}/metrics").status_code == 403


def test_no_secret_stands_in_a_shipped_file() -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text()
    assigned = [line for line in example.splitlines() if line.startswith(("SECRET_KEY", "JWT_"))]
    assert assigned == []
