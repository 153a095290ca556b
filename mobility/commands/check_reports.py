"""What `mobility check` does: looks at each part, and tells what it found to a person."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import click

from mobility.check.findings import Report, Rule, Severity
from mobility.check.looking import Wishes, published
from mobility.check.parts import Check
from mobility.check.push import PlatformUse
from mobility.check.topology import GatewayUse
from mobility.commands.calls import Call, content_of
from mobility.commands.in_reactor import in_reactor
from mobility.commands.operator import reach
from mobility.commands.options import Problem
from mobility.config import Config
from mobility.errors import OperatorFault
from mobility.operate.paths import PUSH, VOICE
from mobility.planning.deployment import Deployment, Place, deployment_of
from mobility.push.message_house import MessageClearingHouse

COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.ADVICE: "cyan"}


def reports_of(
    config: Config | None, domains: tuple[str, ...], wishes: Wishes, parts: tuple[str, ...]
) -> dict[str, Report]:
    """What each part finds.  `domains` are served where there is no configuration.

    Raises OperatorFault.
    """
    platforms = _platforms(config) if config is not None and "push" in parts else ()
    gateways = _gateways(config) if config is not None and "topology" in parts else ()

    async def run(reactor: Any) -> dict[str, Report]:
        if config is None:
            place = await published(wishes, reactor)
            deployment = Deployment(domains, "", Place("", 443), place, "", (), ())
        else:
            deployment = deployment_of(config)
        now = datetime.now(UTC)
        federated = partial(_federated, reactor=reactor)
        looking = Check(
            config, deployment, wishes, now, reactor, parts, platforms, federated, gateways
        )
        return await looking.reports()

    return in_reactor(run)


def _federated(config: Config, reactor: Any) -> MessageClearingHouse | None:
    """A clearing house that is reached by SIP, where the configuration names one."""
    if config.push.transport != "sip":
        return None
    from mobility.push_federation import lone_house  # all of SIP

    return lone_house(config, reactor=reactor)


def _platforms(config: Config) -> tuple[PlatformUse, ...] | str:
    """The push switches of the front end that runs, and their devices; or why it did not say."""
    told = _told(config, f"{PUSH}/platforms")
    if isinstance(told, str):
        return told
    return tuple(PlatformUse(**one) for one in told[0]["platforms"])


def _gateways(config: Config) -> tuple[GatewayUse, ...] | str:
    """The gateways that the front end that runs may call by; or why it did not say."""
    told = _told(config, f"{VOICE}/gateways", f"{VOICE}/routes")
    if isinstance(told, str):
        return told
    gateways, routes = told[0]["gateways"], told[1]["routes"]
    return tuple(
        GatewayUse(
            one["name"],
            one["account"],
            tuple(route["name"] for route in routes if one["name"] in route["gateways"]),
        )
        for one in gateways
        if one["enabled"]
    )


def _told(config: Config, *paths: str) -> list[Any] | str:
    """What the front end that runs has at these paths of the operator API; or why it did not
    say."""
    try:
        running = reach(config)
        if running is None:
            return "no front end runs with this configuration"
        with running:
            return [content_of(running.ask(Call("GET", path))) for path in paths]
    except (OperatorFault, Problem) as error:
        return str(error)


def lines(reports: dict[str, Report]) -> Iterator[str]:
    """The reports for a person's eyes."""
    number = 0
    for part, report in reports.items():
        number += len(report.findings)
        found = f"{len(report.findings)} found" if report.findings else "good"
        if not report.findings and not report.looked_at:
            found = "not looked at"
        yield _styled(f"{part}: {found}", bold=True)
        for rule, whats in _by_rule(report).items():
            head = _styled(rule.severity.value, fg=COLOURS[rule.severity])
            for what in whats:
                yield f"  {head} {rule.id}: {what}"
            yield f"    why: {rule.why}"
            yield f"    do:  {rule.remedy}"
        for skipped in report.skipped:
            yield f"  not looked at: {skipped.what} ({skipped.reason})"
        for note in report.notes:
            yield f"  note: {note}"
    yield _styled(f"{number} findings" if number != 1 else "1 finding", bold=True)


def _by_rule(report: Report) -> dict[Rule, list[str]]:
    """What was found by rule, so that what to do is said once."""
    found: dict[Rule, list[str]] = {}
    for finding in report.findings:
        found.setdefault(finding.rule, []).append(finding.what)
    return found


def _styled(text: str, fg: str | None = None, *, bold: bool = False) -> str:
    """Coloured for a terminal, unless NO_COLOR is set (no-color.org)."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return click.style(text, fg=fg, bold=bold or None)
