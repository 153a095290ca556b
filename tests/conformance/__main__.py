"""The command line of the conformance command."""

import argparse
import sys
from pathlib import Path

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import react

from tests.conformance import page, report
from tests.conformance.catalogue import Catalogue
from tests.conformance.inventory import Inventory, take
from tests.conformance.program import CannotBegin, judge, judge_own
from tests.conformance.sightings import Sightings, of_record
from tests.conformance.signin import Account


def account(text: str) -> Account:
    """`NAME:PASSWORDFILE`, the password being the first line of the file."""
    address, colon, file = text.rpartition(":")
    if not colon:
        raise argparse.ArgumentTypeError("must be NAME:PASSWORDFILE")
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{file}: {error.strerror}") from None
    return Account(address, lines[0] if lines else "")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options; ends the process with status 2 for wrong ones."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance")
    parser.add_argument("--base-url", metavar="URL", help="Autodiscover root of another server")
    parser.add_argument(
        "--user",
        metavar="NAME:PASSWORDFILE",
        dest="users",
        action="append",
        default=[],
        type=account,
        help="a user of it, user@domain; two or three are needed for most scripts",
    )
    parser.add_argument("--ca", metavar="FILE", type=Path, help="PEM file of its authority")
    parser.add_argument(
        "--play",
        metavar="NAME",
        default="",
        help="only the scripts whose names begin so; goals are not looked at then",
    )
    parser.add_argument(
        "--write",
        metavar="FILE",
        type=Path,
        help="write the tables over the marked block of FILE, docs/conformance.md say",
    )
    parser.add_argument(
        "--declared",
        action="store_true",
        help="play nothing: bring the declarations in docs/conformance.md up to date, and keep "
        "what it says was seen",
    )
    options = parser.parse_args(arguments)
    if bool(options.base_url) != bool(options.users):
        parser.error("--base-url and --user belong together")
    if options.write and (options.base_url or options.play):
        parser.error("--write needs a whole run against a front end of our own")
    return options


async def run(options: argparse.Namespace) -> None:
    """Judge, say it, and end with the status."""
    if options.base_url:
        try:
            record = await judge(options.base_url, options.users, options.ca, options.play)
        except CannotBegin as error:
            sys.stderr.write(f"{options.base_url}: {error}\n")
            raise SystemExit(2) from None
    else:
        record = await judge_own(options.play)
    inventory = take(record.checker.catalogue)
    declared = not options.base_url and not options.play
    for line in report.lines(record, inventory, declared=declared):
        sys.stdout.write(f"{line}\n")
    if options.write and not record.wrong:
        write(options.write, inventory, of_record(record, inventory))
    raise SystemExit(1 if report.failed(record, inventory, declared=declared) else 0)


def write(file: Path, inventory: Inventory, sightings: Sightings) -> None:
    """Write the tables into a file."""
    document = file.read_text(encoding="utf-8")
    file.write_text(page.with_tables(document, inventory, sightings), encoding="utf-8")


def write_declared(file: Path) -> None:
    """Bring the declarations in a file up to date."""
    sightings = page.sightings_of(file.read_text(encoding="utf-8"))
    write(file, take(Catalogue.load()), sightings)


def main(_: object, options: argparse.Namespace) -> Deferred[None]:
    return ensureDeferred(run(options))


if __name__ == "__main__":
    chosen = parse(sys.argv[1:])
    if chosen.declared:
        write_declared(page.FILE)
    else:
        react(main, [chosen])
