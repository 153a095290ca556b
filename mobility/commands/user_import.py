"""`mobility user import FILE`: a table of users, a batch at a time."""

import csv
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import click

from mobility.commands.calls import Call, Conversation, content_of
from mobility.commands.operator import hold
from mobility.commands.options import config_option, json_option, show
from mobility.commands.private_file import new_private_file
from mobility.config import Config
from mobility.errors import OperatorFault
from mobility.operate.paths import CONFIGURATION as PATH
from mobility.transfer.csv_text import MAX_FILE_BYTES, NoTable
from mobility.transfer.form import EXISTING, FORMAT, VERSION
from mobility.transfer.user_table import RefusedRow, Row, Table, read_table

BATCH = 100
"""Users that are added together, or not at all (our choice: their passwords take some seconds)."""

PASSWORD_BYTES = 12
"""Of a password that is made here: 96 random bits, as 16 characters."""

COUNTED = ("added", "changed", "unchanged", "kept")


@click.command(name="import")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option(
    "--batch",
    type=click.IntRange(1, 1000),
    default=BATCH,
    show_default=True,
    help="So many users are added together, or none of them.",
)
@click.option(
    "--existing",
    type=click.Choice(EXISTING),
    default="refuse",
    show_default=True,
    help="What becomes of a user who is there already, and different.",
)
@click.option("--skip-refused", is_flag=True, help="Leave rows out that are wrong, and go on.")
@click.option("--encoding", default="", metavar="NAME", help="Of the file, if not UTF-8.")
@click.option(
    "--generate-passwords",
    "generated",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Make a password for who has none, and write them to a new FILE.",
)
@config_option
@json_option
def import_users(
    config: Config,
    file: BinaryIO,
    dry_run: bool,
    batch: int,
    existing: str,
    skip_refused: bool,
    encoding: str,
    generated: Path | None,
    as_json: bool,
) -> int:
    """Add the users of a CSV FILE.

    Its first line names the columns: uri, and any of password, name, phone, email, site and the
    other fields of a user.  Everything is checked first; nothing is added if a row is wrong.
    """
    try:
        table = read_table(file.read(MAX_FILE_BYTES + 1), encoding)
    except NoTable as problem:
        raise click.UsageError(f"{file.name}:{problem}") from problem
    job = _Job(table, batch, existing, dry_run=dry_run, skip_refused=skip_refused)
    if generated is not None:
        job.make_passwords()
    counts = hold(config, job.run(generated))
    refused = sorted(job.refused, key=lambda one: (one.line, one.column))
    content = {
        **counts,
        "rows": len(table.rows) + len({one.line for one in table.refused}),
        "dry_run": dry_run,
        "refused": [attrs.asdict(one) for one in refused],
        "notes": [attrs.asdict(one) for one in job.notes],
    }
    show(content, "\n".join(_lines(file.name, content, refused, job.notes)), as_json=as_json)
    return 1 if refused else 0


@attrs.define
class _Job:
    """One import: what is refused grows on the way."""

    table: Table
    batch: int
    existing: str
    dry_run: bool
    skip_refused: bool
    refused: list[RefusedRow] = attrs.Factory(list)
    notes: list[RefusedRow] = attrs.Factory(list)
    passwords: dict[str, str] = attrs.field(factory=dict, repr=False)

    def make_passwords(self) -> None:
        for row in self.table.rows:
            if "password" not in row.values:
                password = secrets.token_urlsafe(PASSWORD_BYTES)
                row.values["password"] = self.passwords[str(row.values["uri"])] = password

    def run(self, generated: Path | None) -> Conversation[dict[str, int]]:
        """Check everything, then add batch after batch unless something is refused."""
        rows = self.table.rows
        self.refused = list(self.table.refused)
        counts = yield from self._send(rows, "checking", dry_run=True)
        wrong = {one.line for one in self.refused}
        if self.dry_run or (wrong and not self.skip_refused):
            return counts if self.dry_run else dict.fromkeys(COUNTED, 0)
        self.notes = []
        if generated is not None:
            self._write_passwords(generated)
        right = [row for row in rows if row.line not in wrong]
        return (yield from self._send(right, "importing", dry_run=False))

    def _send(
        self, rows: Sequence[Row], label: str, *, dry_run: bool
    ) -> Conversation[dict[str, int]]:
        counts = dict.fromkeys(COUNTED, 0)
        with _progress(len(rows), label) as advance:
            for start in range(0, len(rows), self.batch):
                batch = rows[start : start + self.batch]
                outcome = content_of((yield self._call(batch, dry_run=dry_run)))
                self._take(batch, outcome)
                if dry_run or not outcome["refused"]:
                    for what, number in outcome["counts"].get("users", {}).items():
                        counts[what] += number
                advance(len(batch))
        return counts

    def _call(self, batch: Sequence[Row], *, dry_run: bool) -> Call:
        document = {
            "format": FORMAT,
            "version": VERSION,
            "sections": {"users": [row.values for row in batch]},
            "dry_run": dry_run,
            "existing": self.existing,
            "whole": False,
        }
        return Call("POST", PATH, document)

    def _take(self, batch: Sequence[Row], outcome: dict[str, Any]) -> None:
        for found, known in ((outcome["refused"], self.refused), (outcome["notes"], self.notes)):
            known += [
                RefusedRow(batch[one["item"] - 1].line, one["key"], one["rule"]) for one in found
            ]

    def _write_passwords(self, file: Path) -> None:
        try:
            with new_private_file(file) as stream:
                writer = csv.writer(stream)
                writer.writerow(("uri", "password"))
                writer.writerows(self.passwords.items())
        except OSError as error:
            reason = error.strerror or str(error)
            raise OperatorFault(str(file), f"cannot be made: {reason}") from error


@contextmanager
def _progress(length: int, label: str) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; elsewhere standard error is for errors."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield bar.update


def _lines(
    name: str,
    content: dict[str, Any],
    refused: Sequence[RefusedRow],
    notes: Sequence[RefusedRow],
) -> Iterator[str]:
    for one in refused:
        yield f"{name}:{one.line}: {one.column} {one.rule}".replace(":  ", ": ")
    counted: dict[str, list[int]] = {}
    for one in notes:
        counted.setdefault(f"{one.column} {one.rule}", []).append(one.line)
    for note, lines in counted.items():
        yield f"{len(lines)} rows (first at line {lines[0]}): {note}"
    would = "would be " if content["dry_run"] else ""
    others = "".join(f", {content[what]} {what}" for what in COUNTED[1:] if content[what])
    yield f"{would}added {content['added']} of {content['rows']} users{others}"
    if refused:
        rows = len({one.line for one in refused})
        yield f"{rows} rows are refused"
