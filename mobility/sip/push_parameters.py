"""The parameters by which a phone says how it is woken (RFC 8599 section 4).

`pn-provider` and its companions stand in the URI of a Contact.  Of APNs `pn-param` is the team and
the topic, of FCM the project; `pn-prid` is the token.  Web Push is not taken here: RFC 8599 has no
place for the keys that a message to a browser must be encrypted with (RFC 8291).

Phones made with Linphone's library name several tokens of APNs, as its server Flexisip documents
them: `pn-param=TEAM.org.example.app.remote&voip;pn-prid=TOKEN:remote&TOKEN:voip`.
"""

import re

from mobility.domain.device_tokens import (
    MAX_APP_ID,
    MAX_DEVICE_NAME,
    WITH_TOKENS,
    is_token,
)
from mobility.domain.devices import Device
from mobility.sip.refusal import SipRefusal
from mobility.sip.uri import SipUri, parse_sip_uri

PROVIDERS = WITH_TOKENS
"""What a phone may name."""

NOT_SUPPORTED = 555
"""Push Notification Service Not Supported (RFC 8599 section 14.2)."""

VOIP, REMOTE = "voip", "remote"
"""How a topic of APNs ends that rings (Apple, "Sending notification requests to APNs"), and one of
Linphone's that shows messages."""

_APP_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def device_of(contact: SipUri, user_agent: str = "") -> Device | None:
    """How the phone with this contact is woken, None where it does not say or, without `pn-prid`,
    does not want to be any more (RFC 8599 section 4.1).

    Raises SipRefusal with 555 for a service that is not served, 400 for values that are none.
    """
    provider = contact.parameters.get("pn-provider")
    if not provider:
        return None
    platform = provider.lower()
    if platform not in PROVIDERS:
        raise SipRefusal(NOT_SUPPORTED, "Push Notification Service Not Supported")
    if "pn-prid" not in contact.parameters:
        return None
    app_id = contact.parameters.get("pn-param") or ""
    token = contact.parameters.get("pn-prid") or ""
    voip_token = ""
    if platform == "apns":
        app_id, token, voip_token = _apns(app_id.partition(".")[2], token.lower())
    if not (len(app_id) <= MAX_APP_ID and _APP_ID.fullmatch(app_id)):
        raise SipRefusal(400, "Bad Request: pn-param")
    if not all(is_token(platform, one) for one in (token, voip_token or token)):
        raise SipRefusal(400, "Bad Request: pn-prid")
    return Device(
        platform=platform,
        app_id=app_id,
        address=token,
        voip_token=voip_token,
        device_name=user_agent[:MAX_DEVICE_NAME],
    )


def _apns(topic: str, tokens: str) -> tuple[str, str, str]:
    """The app, the token for messages, and the one that rings, "" without one."""
    app_id, _, last = topic.rpartition(".")
    services = last.split("&")
    if not app_id or not set(services) <= {VOIP, REMOTE}:
        return topic, tokens, ""
    by_service = {}
    for part in tokens.split("&"):
        token, colon, service = part.partition(":")
        by_service[service if colon else services[0]] = token
    voip_token = by_service.get(VOIP, "")
    return app_id, by_service.get(REMOTE, voip_token), voip_token


def device_kept(contact: str) -> Device | None:
    """The same of the contact of a binding that is kept."""
    try:
        return device_of(parse_sip_uri(contact))
    except SipRefusal:  # it was bound when other values were taken
        return None


def asks(contact: SipUri) -> bool:
    """Whether the phone wants to know which services there are."""
    return "pn-provider" in contact.parameters


def capabilities(contact: SipUri) -> list[tuple[str, str]]:
    """The header fields that say what is served: that of the phone, or all if it names none."""
    provider = (contact.parameters.get("pn-provider") or "").lower()
    named = [provider] if provider in PROVIDERS else PROVIDERS
    return [("Feature-Caps", f'*;+sip.pns="{one}"') for one in named]
