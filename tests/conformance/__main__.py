"""The command line of the conformance command."""

import argparse
import sys
from pathlib import Path

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import react

from tests.conformance import report
from tests.conformance.program import judge, judge_own
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
    options = parser.parse_args(arguments)
    if bool(options.base_url) != bool(options.users):
        parser.error("--base-url and --user belong together")
    return options


async def run(options: argparse.Namespace) -> None:
    """Judge, say it, and end with the status."""
    if options.base_url:
        record = await judge(options.base_url, options.users, options.ca, options.play)
    else:
        record = await judge_own(options.play)
    goals = not options.base_url and not options.play
    for line in report.lines(record, goals=goals):
        sys.stdout.write(f"{line}\n")
    raise SystemExit(1 if report.failed(record, goals=goals) else 0)


def main(_: object, options: argparse.Namespace) -> Deferred[None]:
    return ensureDeferred(run(options))


if __name__ == "__main__":
    react(main, [parse(sys.argv[1:])])
