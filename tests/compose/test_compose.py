"""docker-compose.yml: what it publishes, what it refuses, and that all it names is there."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.servers.process import REPOSITORY
from tests.compose.stack import FILES, SECRETS, compose, interpolated, services, shell
from tests.monitoring.test_grafana import GRAFANA
from tests.test_readme import listed_variables

DEVELOPMENT = services()
PRODUCTION = services(APP_ENV="production", **SECRETS)
ONE_SHOT = {"migrate"}
# What the image, or this file, settles for the application in a container.
NOT_FOR_CONTAINERS = {
    "APP_HOST", "SQLITE_PATH", "STATIC_ROOT", "PROMETHEUS_MULTIPROC_DIR",
}  # fmt: skip


@pytest.fixture(params=[DEVELOPMENT, PRODUCTION], ids=["development", "production"])
def stack(request: pytest.FixtureRequest) -> dict[str, Any]:
    made: dict[str, Any] = request.param
    return made


def test_development_needs_nothing() -> None:
    published = {
        (name, port["host_ip"], port["published"], port["target"])
        for name, service in DEVELOPMENT.items()
        for port in service.get("ports", [])
    }
    assert published == {
        ("app", "127.0.0.1", "8080", 8080),
        ("grafana", "127.0.0.1", "3000", 3000),
        ("prometheus", "127.0.0.1", "9090", 9090),
    }
    grafana = DEVELOPMENT["grafana"]["environment"]
    assert grafana["GF_SECURITY_ADMIN_USER"] == grafana["GF_SECURITY_ADMIN_PASSWORD"] == "admin"


def test_ports_can_be_moved() -> None:
    moved = services(
        APP_PORT="18080", GRAFANA_PORT="13000", PROMETHEUS_PORT="19090", PUBLISH_ADDRESS="10.0.0.5"
    )
    ports = [moved[name]["ports"][0] for name in ("app", "grafana", "prometheus")]
    assert [port["published"] for port in ports] == ["18080", "13000", "19090"]
    assert {port["host_ip"] for port in ports} == {"10.0.0.5"}


@pytest.mark.parametrize("missing", SECRETS)
def test_production_starts_nothing_while_a_secret_is_missing(missing: str) -> None:
    finished = compose(APP_ENV="production", **{**SECRETS, missing: ""})
    assert finished.returncode != 0
    assert f"required variable {missing} is missing a value: set it in .env" in finished.stderr


def test_environment_that_is_neither_is_refused() -> None:
    assert "config/compose/prod.yml" in compose(APP_ENV="prod", **SECRETS).stderr


def test_no_password_of_development_is_left_in_production() -> None:
    known = set(
        re.findall(r":-([^}]+)\}", (FILES[0].parent / "config/compose/development.yml").read_text())
    )
    assert len(known) == 6  # admin, and five of services
    given = {
        value
        for service in PRODUCTION.values()
        for name, value in service.get("environment", {}).items()
        if "PASSWORD" in name or "TOKEN" in name or "SECRET" in name
    }
    assert given
    assert given & known == set()
    assert given <= set(SECRETS.values())


def test_each_service_gets_only_its_own_secrets() -> None:
    holders = {
        secret: {
            name
            for name, service in PRODUCTION.items()
            if SECRETS[secret] in service.get("environment", {}).values()
        }
        for secret in SECRETS
    }
    servers = {"app", "scheduler"}
    assert holders == {
        "SECRET_KEY": {*servers, "migrate"},
        "JWT_SECRET": {*servers, "migrate"},
        "ALLOWED_HOSTS": {*servers, "migrate"},
        "METRICS_TOKEN": {*servers, "migrate", "prometheus"},
        "DB_PASSWORD": {*servers, "mysql"},
        "MIGRATION_PASSWORD": {"migrate", "mysql"},
        "MYSQL_ROOT_PASSWORD": {"mysql"},
        "REDIS_PASSWORD": {*servers, "migrate", "redis"},
        "GRAFANA_PASSWORD": {"grafana"},
    }


def test_every_service_is_confined(stack: dict[str, Any]) -> None:
    for name, service in stack.items():
        limits = service["deploy"]["resources"]["limits"]
        assert limits.keys() == {"cpus", "memory", "pids"}, name
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert "privileged" not in service, name
        assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped"), name


def test_every_image_is_pinned(stack: dict[str, Any]) -> None:
    ours = {"ledgerlink:local", "ledgerlink-otel-collector:local"}
    for image in {service["image"] for service in stack.values()} - ours:
        assert re.search(r":v?\d+\.\d+\.\d+(-[a-z]+)?$", image), image
    # The dashboards are checked against the schema of this very version.
    assert stack["grafana"]["image"] == f"grafana/{GRAFANA.replace('@grafana/schema@', 'grafana:')}"
    assert {name for name, service in stack.items() if "build" in service} == {
        "app",
        "otel-collector",
    }


def test_services_start_when_what_they_need_is_healthy(stack: dict[str, Any]) -> None:
    for name, service in stack.items():
        if name not in ONE_SHOT:
            assert service["healthcheck"]["test"][0].startswith("CMD"), name
        for needed, how in service.get("depends_on", {}).items():
            done = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
            assert how["condition"] == done, f"{name} on {needed}"
    assert stack["app"]["depends_on"].keys() == {"migrate", "mysql", "redis"}
    assert stack["migrate"]["depends_on"].keys() == {"mysql"}


def test_database_and_redis_reach_nothing_but_the_application(stack: dict[str, Any]) -> None:
    document = yaml.safe_load(FILES[0].read_text())
    assert document["networks"]["data"] == {"internal": True}
    inside = {name for name, service in stack.items() if "data" in service["networks"]}
    assert inside == {"mysql", "redis", "app", "scheduler", "migrate"}
    assert {name for name in inside if stack[name]["networks"].keys() == {"data"}} == {
        "mysql",
        "redis",
        "migrate",
    }


def test_every_file_that_is_mounted_or_built_is_in_the_repository(stack: dict[str, Any]) -> None:
    for name, service in stack.items():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind":
                source = Path(volume["source"])
                assert source.is_relative_to(REPOSITORY), name
                assert source.exists(), f"{name}: {source}"
                assert volume["read_only"], f"{name}: {source}"
        if build := service.get("build"):
            assert (Path(build["context"]) / build["dockerfile"]).is_file()


def test_every_command_of_the_application_exists(stack: dict[str, Any]) -> None:
    from django.core.management import get_commands

    for name in ("migrate", "scheduler"):
        python, manage, command = stack[name]["command"][:3]
        assert (python, manage) == ("python", "manage.py")
        assert command in get_commands()
        assert stack[name]["image"] == stack["app"]["image"]


def test_prometheus_finds_the_token_of_the_metrics_in_the_file_that_it_reads(
    tmp_path: Path,
) -> None:
    service = PRODUCTION["prometheus"]
    config = yaml.safe_load((REPOSITORY / "config/prometheus/prometheus.yml").read_text())
    token = Path(config["scrape_configs"][0]["authorization"]["credentials_file"])
    assert any(mount.startswith(f"{token.parent}:") for mount in service["tmpfs"])
    program = tmp_path / "prometheus"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    words = [
        shell(word).replace(str(token.parent), str(tmp_path))
        for word in [*service["entrypoint"], *service["command"]]
    ]
    env = {**service["environment"], "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    finished = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines() == service["command"]
    assert (tmp_path / token.name).read_text() == SECRETS["METRICS_TOKEN"]
    assert SECRETS["METRICS_TOKEN"] == PRODUCTION["app"]["environment"]["METRICS_TOKEN"]


def test_every_host_that_is_named_is_a_service(stack: dict[str, Any]) -> None:
    app = stack["app"]["environment"]
    collector = yaml.safe_load((REPOSITORY / "config/otel/collector.yaml").read_text())
    prometheus = yaml.safe_load((REPOSITORY / "config/prometheus/prometheus.yml").read_text())
    sources = (REPOSITORY / "config/grafana/provisioning/datasources").glob("*.yml")
    named = {
        app["DB_HOST"],
        app["REDIS_HOST"],
        app["OTEL_EXPORTER_OTLP_ENDPOINT"].split("/")[2].split(":")[0],
        collector["exporters"]["otlp_grpc"]["endpoint"].split(":")[0],
        *(
            target.split(":")[0]
            for job in prometheus["scrape_configs"]
            for config in job["static_configs"]
            for target in config["targets"]
        ),
        *(
            source["url"].split("/")[2].split(":")[0]
            for file in sources
            for source in yaml.safe_load(file.read_text())["datasources"]
        ),
    }
    assert named - {"localhost"} <= stack.keys()
    assert {"mysql", "redis", "app", "otel-collector", "jaeger", "prometheus"} <= named


def test_every_port_that_is_asked_is_listened_on() -> None:
    collector = yaml.safe_load((REPOSITORY / "config/otel/collector.yaml").read_text())
    jaeger = yaml.safe_load((REPOSITORY / "config/otel/jaeger.yaml").read_text())
    endpoint = DEVELOPMENT["app"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
    receiver = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert endpoint.rpartition(":")[2] == receiver.rpartition(":")[2]
    sent = collector["exporters"]["otlp_grpc"]["endpoint"]
    taken = jaeger["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    assert sent.rpartition(":")[2] == taken.rpartition(":")[2]
    shown = jaeger["extensions"]["jaeger_query"]["http"]["endpoint"].rpartition(":")[2]
    assert any(f":{shown}/" in word for word in DEVELOPMENT["jaeger"]["healthcheck"]["test"])
    health = collector["extensions"]["health_check"]["endpoint"].rpartition(":")[2]
    assert any(
        f":{health}/" in word for word in DEVELOPMENT["otel-collector"]["healthcheck"]["test"]
    )


def test_what_is_set_reaches_the_application() -> None:
    silent = {name for name, value in DEVELOPMENT["app"]["environment"].items() if value is None}
    assert "RATELIMIT_LOGIN" in silent
    given = services(**dict.fromkeys(silent, "as given"))
    for service in ("app", "scheduler", "migrate"):
        environment = given[service]["environment"]
        assert {environment[name] for name in silent} == {"as given"}


def test_the_application_gets_every_variable_of_env_example() -> None:
    """One that is missing would have no effect in a container: name it in docker-compose.yml."""
    passed = DEVELOPMENT["app"]["environment"].keys()
    assert interpolated() - listed_variables() == set()
    assert listed_variables() - interpolated() - passed - NOT_FOR_CONTAINERS == set()
