"""`mobility import skype FILE...`: what PowerShell exported of Skype for Business Server."""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import click

from mobility.commands.import_options import import_options, take, told
from mobility.commands.options import config_option, json_option, show
from mobility.config import Config
from mobility.skype.clixml import MAX_BYTES, NoClixml, read_clixml
from mobility.skype.exported_csv import is_xml, read_users
from mobility.skype.objects import Migration, migrate
from mobility.transfer.csv_text import NoTable
from mobility.transfer.form import FORMAT, VERSION


@click.command(name="skype")
@click.argument("files", metavar="FILE...", type=click.File("rb"), nargs=-1, required=True)
@click.option("--encoding", default="", metavar="NAME", help="Of CSV files, if not UTF-8.")
@import_options
@config_option
@json_option
def import_skype(
    config: Config,
    files: tuple[BinaryIO, ...],
    encoding: str,
    dry_run: bool,
    existing: str,
    as_json: bool,
) -> int:
    """Take over what Export-Clixml wrote of Get-CsUser, Get-CsMobilityPolicy, Get-CsVoicePolicy,
    Get-CsVoiceRoute, Get-CsPstnUsage and Get-CsDialPlan, or Export-Csv of Get-CsUser, and report
    what has no equal here."""
    values: list[Any] = []
    for file in files:
        data = file.read(MAX_BYTES + 1)
        try:
            values += read_clixml(data) if is_xml(data) else read_users(data, encoding)
        except (NoClixml, NoTable) as problem:
            raise click.UsageError(f"{file.name}:{problem}") from problem
    made = migrate(values, config.sip_domains)
    document = {"format": FORMAT, "version": VERSION, "sections": made.sections}
    outcome = take(config, document, dry_run=dry_run, existing=existing, whole=False)
    content = {**outcome, **_report(made)}
    lines = [*_told(made), *told(outcome, dry_run=dry_run)]
    show(content, "\n".join(lines), as_json=as_json)
    return 1 if outcome["refused"] else 0


def _report(made: Migration) -> dict[str, object]:
    return {
        "read": made.read,
        "left_out": [
            {"kind": kind, "name": name, "reason": reason} for kind, name, reason in made.left_out
        ],
        "no_equal": [
            {"kind": kind, "property": name, "objects": count, "reason": reason}
            for (kind, name), (count, reason) in sorted(made.no_equal.items())
        ],
    }


def _told(made: Migration) -> Iterator[str]:
    read: Mapping[str, int] = made.read
    yield "read " + (", ".join(f"{count} of {kind}" for kind, count in read.items()) or "nothing")
    for kind, name, reason in made.left_out:
        yield f"left out: {kind} {name!r}: {reason}"
    for (kind, name), (count, reason) in sorted(made.no_equal.items()):
        yield f"no equal: {kind} {name} ({count}): {reason}"
