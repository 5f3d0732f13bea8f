"""The packages that are installed: the pinned ones, complete, from the index, under licences that
let a company run them. Whether one is known to be vulnerable can't be told without asking."""

import re
import subprocess
import sys
from importlib.metadata import Distribution, distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench.servers.process import REPOSITORY
from tests.e2e.world import STANDARD

pytestmark = pytest.mark.skipif(STANDARD, reason="once is enough")

FILES = ("requirements-embedded.txt", "requirements.txt", "requirements-dev.txt")
SHIPPED = FILES[:2]
# Named in a package's metadata in one of several ways. Each lets whoever runs the service keep
# their own code to themselves; the driver's GPL binds whoever hands the image on.
FREE = re.compile(
    r"\b(MIT|BSD|ISC|Apache|PSF|Python Software Foundation|0BSD|Zlib|HPND|MPL|CC0|OFL"
    r"|Open Font License|Unlicense)\b"
)
GPL = {"mysqlclient"}


def lines_of(name: str) -> list[str]:
    text = (REPOSITORY / name).read_text()
    return [line for line in text.splitlines() if line and not line.startswith(("#", "-"))]


def locked() -> dict[str, str]:
    """Version by name, of what this Python and system need."""
    needed = map(Requirement, lines_of("requirements-lock.txt"))
    return {
        canonicalize_name(one.name): str(one.specifier).removeprefix("==")
        for one in needed
        if one.marker is None or one.marker.evaluate()
    }


def shipped() -> set[str]:
    """What the service is installed with, and what that needs in turn."""
    waiting = [Requirement(line.split("#")[0]) for name in SHIPPED for line in lines_of(name)]
    found: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        extras = ["", *wanted.extras]
        for text in distribution(name).requires or ():
            inner = Requirement(text)
            marker = inner.marker
            asked = marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)
            if asked and canonicalize_name(inner.name) not in found:
                waiting.append(inner)
        found.add(name)
    return found


def test_what_is_pinned_is_installed() -> None:
    assert {name: distribution(name).version for name in locked()} == locked()


def test_nothing_that_is_installed_misses_what_it_needs() -> None:
    command = [sys.executable, "-m", "uv", "pip", "check", "--offline", "--python", sys.executable]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_every_package_comes_from_the_index() -> None:
    """Neither from an address nor from a folder, which nobody can audit."""
    elsewhere = [name for name in locked() if distribution(name).read_text("direct_url.json")]
    assert elsewhere == []


@pytest.mark.parametrize("file", FILES)
def test_every_requirement_is_pinned_and_has_its_reason(file: str) -> None:
    for line in lines_of(file):
        assert re.fullmatch(r"[\w.-]+(\[[\w,-]+\])?==[\w.]+ +# .{10,}", line), line


def test_every_licence_lets_a_company_run_the_service() -> None:
    told = {name: licence_of(distribution(name)) for name in shipped()}
    assert {name for name, licence in told.items() if not FREE.search(licence)} == GPL


def licence_of(package: Distribution) -> str:
    """All that its metadata says of it."""
    said = package.metadata.json
    classifiers = [c for c in said.get("classifier", ()) if c.startswith("License ::")]
    texts = [str(said.get(name, "")) for name in ("license_expression", "license")]
    return "\n".join([*classifiers, *(text.partition("\n")[0] for text in texts)])
