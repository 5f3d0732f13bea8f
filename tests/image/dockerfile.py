"""The Dockerfile and .dockerignore, read as far as ours need it."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from bench.servers.process import REPOSITORY


@dataclass(frozen=True)
class Step:
    """One instruction: `COPY --from=build /a /b` is word COPY, flags {"from": "build"}, rest."""

    word: str
    flags: Mapping[str, str]
    rest: str

    @property
    def exec_form(self) -> list[str]:
        """The words of `CMD ["a", "b"]`, or of the CMD in a HEALTHCHECK."""
        words: list[str] = json.loads(self.rest.removeprefix("CMD "))
        return words


@dataclass
class Stage:
    base: str
    name: str
    steps: list[Step] = field(default_factory=list)

    def all(self, word: str) -> list[Step]:
        return [step for step in self.steps if step.word == word]

    def last(self, word: str) -> Step:
        return self.all(word)[-1]

    @property
    def env(self) -> dict[str, str]:
        """What ENV sets, with $NAME left as it is."""
        pairs = [shlex.split(step.rest) for step in self.all("ENV")]
        return dict(pair.split("=", maxsplit=1) for words in pairs for pair in words)


def stages() -> list[Stage]:
    found: list[Stage] = []
    for step in _steps((REPOSITORY / "Dockerfile").read_text()):
        if step.word == "FROM":
            base, _, name = step.rest.partition(" AS ")
            found.append(Stage(base, name or str(len(found))))
        else:
            found[-1].steps.append(step)
    return found


def _steps(text: str) -> Iterator[Step]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, _, rest = line.partition(" ")
        flags = {}
        while match := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
            flags[match[1]] = match[2]
            rest = rest[match.end() :]
        yield Step(word, flags, rest)


def send_context(directory: Path) -> None:
    """Copy what .dockerignore lets through of the files that git knows, or would."""
    for path in sorted(REPOSITORY.rglob("*")):
        name = path.relative_to(REPOSITORY)
        if name.parts[0] in {".git", ".venv", "var", "build"} or path.is_dir():
            continue
        if not is_ignored(name.as_posix()):
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)


def is_ignored(name: str) -> bool:
    """As Docker has it: the last pattern that matches the path or a folder above it decides."""
    ignored = False
    for pattern in _patterns():
        allows = pattern.startswith("!")
        if any(_matches(part, pattern.removeprefix("!")) for part in _upwards(name)):
            ignored = not allows
    return ignored


def _patterns() -> list[str]:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _upwards(name: str) -> list[str]:
    path = PurePosixPath(name)
    return [str(path), *(str(parent) for parent in path.parents if str(parent) != ".")]


def _matches(path: str, pattern: str) -> bool:
    """`**/` matches any number of folders, `*` no slash."""
    if pattern.startswith("**/"):
        parts = path.split("/")
        tails = ("/".join(parts[start:]) for start in range(len(parts)))
        return any(_matches(tail, pattern.removeprefix("**/")) for tail in tails)
    return path.count("/") == pattern.count("/") and fnmatch(path, pattern)
