"""What the ways of taking in a configuration share: options, the call, and the report."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from mobility.commands.calls import Call
from mobility.commands.operator import ask
from mobility.config import Config
from mobility.operate.paths import CONFIGURATION as PATH
from mobility.transfer.form import EXISTING

COUNTED = ("added", "changed", "unchanged", "kept")


def import_options(command: Any) -> Any:
    """`--dry-run` and `--existing`."""
    command = click.option(
        "--existing",
        type=click.Choice(EXISTING),
        default="change",
        show_default=True,
        help="What becomes of an object that is there already, and different.",
    )(command)
    text = "Say what would happen, and change nothing."
    return click.option("--dry-run", is_flag=True, help=text)(command)


def take(
    config: Config, document: Mapping[str, Any], *, dry_run: bool, existing: str, whole: bool = True
) -> dict[str, Any]:
    """Send a document; what became of it (`whole` as `mobility.operate.transfer` says)."""
    body = {**document, "dry_run": dry_run, "existing": existing, "whole": whole}
    outcome: dict[str, Any] = ask(config, Call("POST", PATH, body))
    return outcome


def told(outcome: Mapping[str, Any], *, dry_run: bool) -> Iterator[str]:
    """The report, for a person's eyes."""
    for one in outcome["refused"]:
        place = f"{one['section']} {one['item']}"
        yield f"{place}: {one['key']} {one['rule']}".replace(":  ", ": ")
    if outcome["more_refused"]:
        yield f"... and {outcome['more_refused']} more"
    notes: dict[str, list[int]] = {}
    for one in outcome["notes"]:
        notes.setdefault(f"{one['section']}: {one['key']} {one['rule']}", []).append(one["item"])
    for note, items in notes.items():
        yield f"{note} ({len(items)} of them, first {items[0]})"
    for name, counts in outcome["counts"].items():
        shown = ", ".join(f"{counts[what]} {what}" for what in COUNTED if counts.get(what))
        yield f"{name.replace('_', ' ')}: {shown}"
    if outcome["refused"]:
        yield "nothing was changed"
    elif dry_run:
        yield "nothing was changed: this was a dry run"
