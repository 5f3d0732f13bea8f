"""docs/operations.md: what it tells to run exists and is understood, and every alert is in it."""

import re
import shlex
import subprocess
from collections import deque
from itertools import takewhile

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class

from bench.servers.process import REPOSITORY
from ledgerlink.schedule import DailyAt
from tests.compose.containers import STACK
from tests.compose.stack import COMMAND
from tests.test_readme import listed_variables

TEXT = (REPOSITORY / "docs" / "operations.md").read_text()
README = (REPOSITORY / "README.md").read_text().split("\n## Docker Compose\n")[1].split("\n## ")[0]
BLOCKS = [
    re.sub(r"^ +", "", block, flags=re.MULTILINE)
    for block in re.findall(r"```sh\n(.*?)```", README + TEXT, re.DOTALL)
]
COMMANDS = sorted(
    {line for block in BLOCKS for line in block.splitlines()}
    | {
        code
        for code in re.findall(r"`([^`\n]+)`", TEXT)
        if code.startswith(("docker compose ", "make "))
    }
)
RULES = yaml.safe_load((REPOSITORY / "config/prometheus/rules/alerts.yml").read_text())
ALERTS = [rule["alert"] for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
# Of options that take a value, those that the document uses.
WITH_VALUE = {"--since", "--tail"}


def test_every_alert_has_its_heading_and_no_other() -> None:
    part = TEXT.split("\n## Alerts\n")[1].split("\n## ")[0]
    assert re.findall(r"^### (\w+)$", part, re.MULTILINE) == ALERTS


def test_links_inside_lead_to_headings() -> None:
    headings = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors


def test_shell_understands_every_block() -> None:
    for block in BLOCKS:
        subprocess.run(["/bin/sh", "-n"], input=block, text=True, check=True)


def words_of(command: str) -> list[str]:
    """Those of the first command of a pipe, without where its input and output go."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(takewhile(lambda word: word not in {"|", "<", ">"}, lexer))


def split_options(words: list[str]) -> tuple[list[str], list[str]]:
    """The options in front, without their values, and the rest."""
    options: list[str] = []
    rest = deque(words)
    while rest and rest[0].startswith("-"):
        options.append(rest.popleft())
        if options[-1] in WITH_VALUE:
            rest.popleft()
    return options, list(rest)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("docker compose")])
def test_compose_command_names_what_is_there(command: str) -> None:
    _, _, name, *words = words_of(command)
    options, rest = split_options(words)
    known = subprocess.run(
        [str(COMMAND), name, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert [option for option in options if not re.search(rf" {option}[ ,]", known)] == []
    if name in {"exec", "run"}:
        assert rest[0] in STACK
        check_program(rest[0], rest[1:])
    else:  # what begins with - are options behind, what has a colon is a path in a container
        named = {word.split(":")[0] for word in rest if not word.startswith("-") and word != "."}
        assert named <= STACK.keys()


def check_program(service: str, program: list[str]) -> None:
    match program:
        case ["python", "manage.py", command, *arguments]:
            loaded = load_command_class(get_commands()[command], command)
            loaded.create_parser("manage.py", command).parse_args(arguments)
        case [path] if path.startswith("/tools/"):
            assert service == "mysql"
            assert (REPOSITORY / "config/mysql" / path.removeprefix("/")).is_file()
        case [first, *_]:
            assert (service, first) in {
                ("mysql", "mysql"), ("mysql", "df"), ("mysql", "sh"), ("grafana", "grafana"),
            }  # fmt: skip
        case []:
            assert service == "migrate"  # its own command


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_target_is_there(command: str) -> None:
    target = command.split()[1]
    assert re.search(rf"^{target}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)


def test_production_needs_what_the_document_lists() -> None:
    block = re.findall(r"```ini\n(.*?)```", TEXT, re.DOTALL)[0]
    named = set(re.findall(r"^([A-Z_]+)=", block, re.MULTILINE))
    production = (REPOSITORY / "config/compose/production.yml").read_text()
    required = set(re.findall(r"\$\{([A-Z_]+):\?", production))
    assert named - {"APP_ENV", "LEDGERLINK_VERSION"} == required


def test_variables_that_are_named_exist() -> None:
    named = set(re.findall(r"`([A-Z][A-Z0-9_]{5,})[`=]", TEXT))
    assert named - {"REQUEST_ID"} <= listed_variables()


def test_times_of_scheduled_commands_are_those_of_the_schedule() -> None:
    part = TEXT.split("\n## Scheduled commands\n")[1].split("\n## ")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", part, re.MULTILINE))
    often = {60: "every minute", 600: "every 10 minutes", 3600: "every hour"}
    assert told == {
        job.command: f"{job.when.hour:02}:{job.when.minute:02}"
        if isinstance(job.when, DailyAt)
        else often[job.when.seconds]
        for job in settings.SCHEDULE
    }
