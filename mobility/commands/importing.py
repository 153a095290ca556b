"""`mobility import FILE`: a configuration that `mobility export` wrote, all of it or nothing."""

from typing import BinaryIO

import click
import msgspec

from mobility.commands.import_options import import_options, take, told
from mobility.commands.import_skype import import_skype
from mobility.commands.options import config_option, json_option, show
from mobility.config import Config
from mobility.operate.paths import DOCUMENT_BYTES


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
        if not args:
            text = (
                "Missing argument 'FILE', of mobility export; or skype, and what PowerShell wrote"
            )
            raise click.UsageError(text)
        # Options before FILE are those of the default command.
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = [self.DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group(name="import", cls=ImportGroup, no_args_is_help=False)
def import_all() -> None:
    """Take in a configuration: FILE is one of `mobility export`; `skype FILE` of PowerShell.

    All of it is taken in, or nothing.
    """


import_all.add_command(import_skype)


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
