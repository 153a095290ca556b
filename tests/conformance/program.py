"""One run: every script in both forms."""

from pathlib import Path
from tempfile import TemporaryDirectory
from traceback import extract_tb

from twisted.internet.error import ConnectError
from twisted.web.client import RequestNotSent, ResponseFailed

from tests.conformance.catalogue import Catalogue
from tests.conformance.checker import Checker
from tests.conformance.clocks import MovedClock, RealClock, Stopped, Unplayable
from tests.conformance.front_end import ClockedFrontEnd
from tests.conformance.mover import connect
from tests.conformance.record import Record
from tests.conformance.scenarios import SCENARIOS
from tests.conformance.shown import Form
from tests.conformance.signin import Account, Discovery
from tests.conformance.stage import Scenario, Stage, Theatre
from tests.conformance.wire import Wire

BROKEN = (ConnectError, RequestNotSent, ResponseFailed)
"""How a request fails when there is no answer."""


class CannotBegin(Exception):
    """There is nothing to judge; the text says why."""


async def judge_own(only: str = "") -> Record:
    """Judge a front end of our own, by the scripts whose names begin with `only`."""
    record = Record(Checker(Catalogue.load()))
    with TemporaryDirectory(prefix="conformance-") as name:
        front_end = ClockedFrontEnd(Path(name) / "fe")
        front_end.begin()
        try:
            await front_end.ready()
            telling = await connect(front_end.socket)
            wire = Wire(front_end.ca)
            clock = MovedClock(telling)
            theatre = Theatre(
                f"{front_end.external}/",
                front_end.accounts,
                wire,
                clock,
                record,
                ours=True,
                operate=front_end.operate,
                phones=front_end.phones,
            )
            await play(theatre, only)
            await wire.hang_up()
            await telling.hang_up()
        finally:
            await front_end.child.stop()
    return record


async def judge(
    entry: str, accounts: list[Account], ca_file: Path | None, only: str = ""
) -> Record:
    """Judge the service at an Autodiscover root URL, likewise.

    Raises CannotBegin when it cannot be reached, or a user cannot sign in.
    """
    record = Record(Checker(Catalogue.load()))
    wire = Wire(ca_file)
    for account in accounts:
        try:
            await Discovery(wire, entry, Form.JSON, Record(record.checker)).sign_in(account)
        except (Stopped, *BROKEN) as error:
            raise CannotBegin(f"{account.address} cannot sign in: {error}") from error
    await play(Theatre(entry, accounts, wire, RealClock(), record), only)
    await wire.hang_up()
    return record


async def play(theatre: Theatre, only: str) -> None:
    """Every script that was chosen, in JSON and then in XML."""
    for form in Form:
        for scenario in SCENARIOS:
            chosen = scenario.name.startswith(only)
            if chosen and (theatre.ours or not scenario.ours_only):
                await perform(theatre, form, scenario)


async def perform(theatre: Theatre, form: Form, scenario: Scenario) -> None:
    """One script in one form; if it cannot go on, the record says why."""
    record = theatre.record
    record.begin(scenario.name)
    stage = Stage(theatre, form)
    try:
        try:
            await scenario.play(stage)
        finally:
            await stage.close()
    except Unplayable as error:
        record.halted(form, str(error), fault=False)
    except (Stopped, *BROKEN) as error:
        record.halted(form, str(error))
    except Exception as error:  # a script's own fault ends that script alone, and the run fails
        (*_, where) = extract_tb(error.__traceback__)
        record.halted(form, f"{type(error).__name__}: {error} in {where.name}")
