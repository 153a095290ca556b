"""`mobility directory test|sync`."""

from collections.abc import Iterator

import attrs
import click

from mobility.commands.calls import Call, content_of
from mobility.commands.in_reactor import in_reactor
from mobility.commands.operator import reach
from mobility.commands.options import Problem, config_option, json_option, show
from mobility.config import Config
from mobility.directory.check import Report, check_server
from mobility.directory.servers import Connector
from mobility.errors import OperatorFault
from mobility.operate.paths import DIRECTORY_SYNC as PATH
from mobility.reactor import IReactor


class Silent:
    """An `EventLog` for a command, which shows what it finds itself."""

    def emit(self, event: str, /, **fields: object) -> None:
        """Keep nothing."""

    def access(self, event: str, fields: dict[str, object], /) -> None:
        """Keep nothing."""

    def failure(self, event: str, failure: object, /, **fields: object) -> None:
        """Keep nothing."""


@click.group(no_args_is_help=False)
def directory() -> None:
    """Look at the LDAP directory that the configuration names."""


@directory.command()
@config_option
@json_option
def test(config: Config, as_json: bool) -> int:
    """Connect to each server, bind, and count who would be replicated; nothing is changed.

    Exit 1 when a server cannot be used or has no users.
    """
    _check_configured(config)
    reports = _reports(config)
    text = "\n".join(line for report in reports for line in _lines(report))
    show({"servers": [attrs.asdict(report) for report in reports]}, text, as_json=as_json)
    return 1 if any(report.problem for report in reports) else 0


@directory.command()
@click.option("--force", is_flag=True, help="Also when more users go than the settings allow.")
@config_option
@json_option
def sync(config: Config, force: bool, as_json: bool) -> None:
    """Let the front end that runs replicate the whole directory now."""
    _check_configured(config)
    running = reach(config)
    if running is None:
        raise Problem("no front end runs with this configuration")
    with running:
        answer = running.ask(Call("POST", PATH, {"force": force}))
    if answer.status == 404:
        raise Problem("the front end began without [directory.ldap]: restart it")
    done = content_of(answer)
    text = "added {added}, changed {changed}, disabled {disabled}".format(**done)
    show(done, text, as_json=as_json)


def _check_configured(config: Config) -> None:
    if not config.directory.ldap.servers:
        raise OperatorFault(str(config.source), "is missing", "directory.ldap.servers")


def _reports(config: Config) -> list[Report]:
    """What each server says.  Raises OperatorFault."""
    ldap = config.directory.ldap

    async def run(reactor: IReactor) -> list[Report]:
        connect = Connector(ldap, reactor)
        return [
            await check_server(ldap, url, config.sip_domains, connect, reactor.seconds, Silent())
            for url in ldap.servers
        ]

    return in_reactor(run)


def _lines(report: Report) -> Iterator[str]:
    """A report for a person's eyes."""
    yield f"{report.server}: {report.problem or 'good'}"
    if report.users:
        yield f"  {report.users} users, {report.disabled} of them disabled"
        yield f"  {report.groups} groups"
    for number, what, first in (
        (report.without_address, "without a SIP address here", report.first_without_address),
        (report.twice, "with the SIP address of another", report.first_twice),
    ):
        if number:
            yield f"  {number} entries {what}, the first: {first}"
