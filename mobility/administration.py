"""The operator API over a front end, served by a process or driven by an offline command."""

from collections.abc import Callable

from mobility.config import Config
from mobility.errors import OperatorFault
from mobility.events import EventLog
from mobility.front_end import FrontEnd
from mobility.http.route import Route
from mobility.operate import (
    delegates,
    groups,
    mcx,
    mobility,
    push,
    service_accounts,
    transfer,
    users,
    voice,
)
from mobility.operate.access import OperatorAccess
from mobility.operate.users import UserAdministration
from mobility.transfer.document import Transfer
from mobility.transfer.profiles import Domains
from mobility.transfer.sections import sections


def administration_routes(
    front_end: FrontEnd,
    config: Config,
    access: OperatorAccess,
    log: EventLog,
    pseudonym: Callable[[str], str],
) -> list[Route]:
    """Users, groups, delegates, policy, push, voice routing and legacy clients."""
    mirrored = front_end.directory
    directories = () if mirrored is None else (mirrored.source,)
    administration = UserAdministration(
        front_end.users,
        front_end.passwords,
        config.sip_domains,
        log,
        pseudonym,
        directories=directories,
        topology=config.topology.domain,
    )
    everything = Transfer(
        sections(
            front_end,
            front_end.mobility.policies,
            front_end.permissions.service_accounts,
            front_end.waking.switches,
            Domains(config.sip_domains, config.topology.domain),
            directories,
        ),
        front_end.store.ledger,
        log,
        front_end.breathe,
    )
    return [
        *transfer.routes(everything, access),
        *users.routes(administration, access),
        *groups.routes(front_end.distribution_groups, access, log, pseudonym),
        *delegates.routes(front_end.delegates, front_end.users, access, log, pseudonym),
        *mcx.routes(front_end.mcx.clients, access, log),
        *mobility.routes(front_end.mobility.policies, front_end.users, access, log, pseudonym),
        *push.routes(front_end.waking, front_end.users, access, log, pseudonym),
        *service_accounts.routes(
            front_end.permissions.service_accounts, front_end.users, access, log, pseudonym
        ),
        *voice.routes(
            front_end.voice, front_end.users, access, log, pseudonym, _meeting_calls(config)
        ),
    ]


def _meeting_calls(config: Config) -> voice.MeetingCalls:
    """How meetings call telephones; a command alone has neither gateways nor a mixer to ask."""
    meetings = config.meetings
    shown = meetings.dial_in[0].number if meetings.dial_in else ""
    return voice.MeetingCalls(meetings.mixer.uri, shown)


def make_data_dir(config: Config) -> None:
    """The data directory, for this user alone.  Raises OperatorFault."""
    try:
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorFault(
            str(config.source),
            f"is {str(config.data_dir)!r}, which cannot be made: {error.strerror}",
            "data_dir",
        ) from error
