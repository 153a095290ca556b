"""Trying out the settings of the directory: what each server answers, and what would come of it."""

from collections.abc import Callable, Collection, Sequence

import attrs

from mobility.directory.faults import DirectoryFault
from mobility.directory.mapping import Mapping
from mobility.directory.messages import Entry, Search
from mobility.directory.searches import Searches
from mobility.directory.servers import Connect, Servers
from mobility.directory.settings import LdapConfig
from mobility.events import EventLog

NO_ATTRIBUTES = ("1.1",)
"""Asks for names alone (RFC 4511 §4.5.1.8)."""


@attrs.define(slots=True)
class Report:
    """What one server showed; `problem` is "" when all went well."""

    server: str
    users: int = 0
    disabled: int = 0
    """Users among them who may not sign in."""
    without_address: int = 0
    """Entries that the filter finds and that have no SIP address in a domain served here."""
    first_without_address: str = ""
    twice: int = 0
    """Entries whose SIP address another entry has, too."""
    first_twice: str = ""
    groups: int = 0
    problem: str = ""


async def check_server(
    settings: LdapConfig,
    url: str,
    sip_domains: Collection[str],
    connect: Connect,
    seconds: Callable[[], float],
    log: EventLog,
) -> Report:
    """Connect to one server of the settings, bind, and look for users and groups."""
    servers = Servers(attrs.evolve(settings, servers=(url,)), connect, seconds, log)
    searches = Searches(servers, settings.bind_dn, settings.bind_password)
    report = Report(url)
    try:
        await _users(settings, sip_domains, searches, report)
        if settings.group_base:
            await _groups(settings, searches, report)
    except DirectoryFault as fault:
        report.problem = str(fault)
    finally:
        searches.close()
    if not report.problem and not report.users:
        report.problem = f"no user below {settings.user_base!r} matches {settings.user_filter}"
    return report


async def _users(
    settings: LdapConfig, sip_domains: Collection[str], searches: Searches, report: Report
) -> None:
    mapping = Mapping(settings, sip_domains)
    known: set[str] = set()

    async def take(entries: Sequence[Entry]) -> None:
        for entry in entries:
            user = mapping.user(entry)
            if user is None:
                report.without_address += 1
                report.first_without_address = report.first_without_address or entry.dn
            elif user.uri in known:
                report.twice += 1
                report.first_twice = report.first_twice or entry.dn
            else:
                known.add(user.uri)
                report.users += 1
                report.disabled += not user.enabled

    await searches.each_page(
        Search(
            settings.user_base,
            settings.user_filter,
            mapping.attributes,
            settings.max_users,
            page_size=settings.page_size,
        ),
        take,
    )


async def _groups(settings: LdapConfig, searches: Searches, report: Report) -> None:
    async def take(entries: Sequence[Entry]) -> None:
        report.groups += len(entries)

    await searches.each_page(
        Search(
            settings.group_base,
            settings.group_filter,
            NO_ATTRIBUTES,
            settings.max_groups,
            page_size=settings.page_size,
        ),
        take,
    )
