"""`mobility import FILE`: a configuration that `mobility export` wrote, all of it or nothing."""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import click
import msgspec

from mobility.commands.calls import Call
from mobility.commands.operator import ask
from mobility.commands.options import config_option, json_option, show
from mobility.config import Config
from mobility.operate.transfer import DOCUMENT_BYTES, PATH
from mobility.transfer.staging import EXISTING

COUNTED = ("added", "changed", "unchanged", "kept")


class ImportGroup(click.Group):
    """Its commands, or else a FILE of our own."""

    DEFAULT = "configuration"

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands:
            args = [self.DEFAULT, *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Options before FILE are those of the default command.
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = [self.DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group(name="import", cls=ImportGroup, no_args_is_help=False)
def import_all() -> None:
    """Take in a configuration: FILE is one of `mobility export`; `skype FILE` of PowerShell.

    All of it is taken in, or nothing.
    """


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


@import_all.command(name=ImportGroup.DEFAULT)
@click.argument("file", type=click.File("rb"))
@import_options
@config_option
@json_option
def import_configuration(
    config: Config, file: BinaryIO, dry_run: bool, existing: str, as_json: bool
) -> int:
    """Take in a configuration FILE.  What is here and not in it stays as it is."""
    data = file.read(DOCUMENT_BYTES + 1)
    if len(data) > DOCUMENT_BYTES:
        raise click.UsageError(f"{file.name} is larger than {DOCUMENT_BYTES} bytes")
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise click.UsageError(f"{file.name} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise click.UsageError(f"{file.name} holds no configuration: it must be an object")
    outcome = take(config, document, dry_run=dry_run, existing=existing)
    show(outcome, "\n".join(told(outcome, dry_run=dry_run)), as_json=as_json)
    return 1 if outcome["refused"] else 0


def take(
    config: Config, document: Mapping[str, Any], *, dry_run: bool, existing: str
) -> dict[str, Any]:
    """Send a document; what became of it."""
    body = {**document, "dry_run": dry_run, "existing": existing, "whole": True}
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
