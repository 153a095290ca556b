"""What pages name, held against the program: commands, keys of the configuration, other pages."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from mobility.cli import program
from tests.test_configuration_page import rows

DOCS = Path(__file__).parent.parent / "docs"
QUOTED = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([a-z-]+\.md)?(#[a-z0-9-]+)?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


WORDS_OF = {"check": ("all", "topology", "dns", "certificates", "ports", "proxy", "push", "host")}
"""Words of commands that read them themselves."""


def commands(text: str) -> Iterator[str]:
    """The `mobility ...` command lines that a text quotes."""
    yield from (one for one in QUOTED.findall(text) if one.startswith("mobility "))


def problem_of(line: str) -> str:
    """What is wrong with a command line, "" when there is such a command with such options."""
    words = line.split()[1:]
    command: click.Command = program
    context = click.Context(command)
    while words and isinstance(command, click.Group) and re.fullmatch("[a-z][a-z-]*", words[0]):
        found = command.get_command(context, words[0])
        if found is None:
            break
        command, words = found, words[1:]
    if isinstance(command, click.Group) and command is program:
        return f"{line}: there is no such command"
    if isinstance(command, click.Group) and words and re.fullmatch("[a-z][a-z-]*", words[0]):
        return f"{line}: {words[0]} is no command of {command.name}"
    choices = [one.type.choices for one in command.params if isinstance(one.type, click.Choice)]
    if command.name in WORDS_OF:
        choices.append(WORDS_OF[command.name])
    first = next((word for word in words if re.fullmatch("[a-z][a-z-]*", word)), "")
    if first and choices and not any(first in one for one in choices):
        return f"{line}: {first} is nothing that {command.name} knows"
    options = {name for parameter in command.params for name in parameter.opts}
    options |= {name for parameter in command.params for name in parameter.secondary_opts}
    given = [word.partition("=")[0] for word in words if word.startswith("--")]
    wrong = [word for word in given if word not in options]
    return f"{line}: has no option {', '.join(wrong)}" if wrong else ""


def settings() -> set[str]:
    """The dotted keys of the configuration."""
    return {key for key, _, _ in rows()}


def anchors(page: str) -> set[str]:
    """The places of a page that links can name."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return {
        re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(text)
    }


def broken_links(page: str, text: str) -> list[str]:
    """Links of a page to pages or places that are not there."""
    broken = []
    for target, anchor in LINK.findall(text):
        other = target or page
        there = (DOCS / other).is_file() and (not anchor or anchor[1:] in anchors(other))
        if not there:
            broken.append(f"{target}{anchor}")
    return broken
