"""The shell examples of a page: its commands in order, and what it shows of their output.

A `console` block has commands after `$ `, continued after `> `, each followed by what it prints; a
`bash` block is one command of which nothing is shown.  In what is shown `...` stands for anything,
and spaces, line breaks, ids, tokens and times do not count.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from tests.interop.child import program, run

DOCS = Path(__file__).parents[2] / "docs"

_BLOCK = re.compile(r"^```(console|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CHANGING = re.compile(
    r"cwt=[\w-]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{12,32}\b"
    r"|(?<=Date\()\d+|(?<=[?&][pn]=)\d+"
)
"""Tokens, ids, times, and places in the event stream."""
_MARK = "\x1e"


@attrs.frozen
class Example:
    """A command of a page, and what is shown below it."""

    command: str
    shown: str = ""


@attrs.frozen
class Ran:
    """An example, what it really printed, and its exit status."""

    example: Example
    printed: str
    status: int

    @property
    def as_shown(self) -> bool:
        """Whether it went well and printed what the page shows."""
        pieces = [re.escape(_plain(piece)) for piece in self.example.shown.split("...")]
        found = re.fullmatch(".*".join(pieces), _plain(self.printed))
        return self.status == 0 and found is not None


def _plain(text: str) -> str:
    return "".join(_CHANGING.sub("?", text).split())


def section(page: str, heading: str) -> str:
    """The part of a page below a heading of level two, with those of level three in it."""
    text = (DOCS / page).read_text()
    start = text.index(f"\n## {heading}\n")
    end = text.find("\n## ", start + 1)
    return text[start:] if end < 0 else text[start:end]


def examples(text: str, places: Mapping[str, str]) -> Iterator[Example]:
    """The examples of a text, with names and addresses replaced, each of which must be in it."""
    for written, meant in places.items():
        if written not in text:
            raise ValueError(f"nothing says {written!r}")
        text = text.replace(written, meant)
    for kind, content in _BLOCK.findall(text):
        if kind == "bash":
            yield Example(content)
            continue
        for part in content.rstrip("\n").removeprefix("$ ").split("\n$ "):
            lines = part.split("\n")
            end = next((at for at, line in enumerate(lines[1:], 1) if line[:2] != "> "), len(lines))
            command = [lines[0], *(line[2:] for line in lines[1:end])]
            yield Example("\n".join(command), "\n".join(lines[end:]))


async def played(found: Sequence[Example], directory: Path) -> list[Ran]:
    """Run examples one after another in one shell, whose directory is `directory`."""
    script = directory / "examples.sh"
    ends = f"printf '{_MARK}%d{_MARK}' $?\n"
    script.write_text("".join(f"{example.command}\n{ends}" for example in found))
    command = f"exec 2>&1; . {shlex.quote(str(script))}"
    outcome = await run([program("bash", "bash"), "-c", command], directory)
    parts = outcome.out.split(_MARK)
    return [Ran(example, parts[2 * at], int(parts[2 * at + 1])) for at, example in enumerate(found)]
