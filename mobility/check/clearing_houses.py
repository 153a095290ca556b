"""Asking the clearing house how it is, hop by hop."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.threads import deferToThreadPool

from mobility.check.connections import Target, connect
from mobility.check.looking import read_chain
from mobility.check.push import Asked
from mobility.config.push import PushConfig
from mobility.errors import OperatorFault
from mobility.push.clearing_house import HouseFailed, HttpsClearingHouse, MutualTls
from mobility.push.message_house import CONNECTION, HopFailed, MessageClearingHouse

UNKNOWN_HERE = ("it answered 401", "it answered 403")
TLS_WORDS = ("ssl", "tls", "certificate", "verificationerror")


async def ask(settings: PushConfig, where: str, reactor: Any) -> Asked | None:
    """What the clearing house of the settings says; None when there is none.

    `where` is the configuration file.  Never raises for what the clearing house does.
    """
    url = settings.clearing_house
    if not url:
        return None
    policy = MutualTls(settings.certificate, settings.key, settings.ca)
    try:
        policy.check(where)
    except OperatorFault as fault:
        return Asked(url, unusable=fault.rule)
    chain, _ = read_chain(Path(settings.certificate))
    leaf = chain[0] if chain else None
    failure = await deferToThreadPool(reactor, reactor.getThreadPool(), _connect, url)
    if failure:
        return Asked(url, leaf, unreachable=failure)
    house = HttpsClearingHouse(url, policy, reactor, timeout_s=settings.timeout_s, connections=1)
    try:
        health = await house.health()
    except HouseFailed as failed:
        if any(word in failed.reason.lower() for word in TLS_WORDS):
            return Asked(url, leaf, handshake=failed.reason)
        refused = failed.reason.startswith(UNKNOWN_HERE)
        return Asked(url, leaf, refusal=failed.reason, refused=refused)
    finally:
        await house.close()
    return Asked(url, leaf, providers=health.providers, ahead_s=house.ahead_s)


async def ask_through_edge(house: MessageClearingHouse) -> Asked:
    """What a clearing house at a SIP address says.  Never raises for what it or the way does."""
    url = house.name
    try:
        health = await house.health()
    except HopFailed as failed:
        if failed.hop == CONNECTION:
            tls = any(word in failed.told.lower() for word in TLS_WORDS)
            unreachable, handshake = ("", failed.told) if tls else (failed.told, "")
            return Asked(url, unreachable=unreachable, handshake=handshake)
        return Asked(url, refusal=failed.told, refused=failed.status == 403, hop=failed.hop)
    except HouseFailed as failed:
        return Asked(url, refusal=failed.reason)
    return Asked(url, providers=health.providers)


def _connect(url: str) -> str:
    """Why no connection to the host of a URL opens, or ""."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return connect(Target(host, parts.port or 443, host))
