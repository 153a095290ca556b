"""Whether push notifications can leave: each hop from here to the providers."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import attrs
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from mobility.check.certificates import SOON
from mobility.check.findings import Finding, Report, Rule, Severity, Skipped
from mobility.push.message_house import ADDRESS, ALLOWED, PARTNER, REPLY, SETTING
from mobility.push.message_house import PROVIDER as PROVIDER_HOP
from mobility.push.wire import ProviderHealth

CREDENTIAL_SOON_DAYS = 14.0
"""From when on the end of a provider's credential is told (our choice)."""

CLOCKS_S = 60.0
"""From which difference on it is told (our choice: the tokens are good for much longer, but none
from the future)."""

BAD_STATES = ("refused", "failing", "probing")
"""A provider that is tried again has failed, and may be slow to show whether it still does."""

CERTIFICATE = Rule(
    "push.certificate",
    Severity.ERROR,
    "the certificate by which the clearing house knows this front end cannot be used",
    "The clearing house takes notifications only from organisations whose certificate it knows; "
    "without one, phones whose app sleeps hear of nothing.",
    "Put a certificate for TLS clients and its key into push.certificate and push.key; `mobility "
    "csr` writes the request.",
)
UNREACHABLE = Rule(
    "push.unreachable",
    Severity.ERROR,
    "the clearing house cannot be reached",
    "Notifications wait here until they expire: missed messages and calls are not shown on phones "
    "whose app sleeps.",
    "See that it runs, look at its name in DNS, and let the firewall pass this front end's "
    "connections to it.",
)
HANDSHAKE = Rule(
    "push.handshake",
    Severity.ERROR,
    "the clearing house and this front end do not trust each other's certificates",
    "Both show one, so that nobody else can send or read notifications.",
    "Set push.ca to the authority of the clearing house, and give its operator this front end's "
    "certificate or authority.",
)
NOT_ALLOWED = Rule(
    "push.not-allowed",
    Severity.ERROR,
    "the clearing house does not know this organisation",
    "It takes notifications of organisations on its list only, as federation does with allowed "
    "domains.",
    "Let the operator of the clearing house put the name in push.certificate on its list.",
)
OTHER_SERVICE = Rule(
    "push.other-service",
    Severity.ERROR,
    "what answers is no clearing house that can be used",
    "Notifications wait here until they expire.",
    "Correct push.clearing_house, or ask the operator of the clearing house.",
)
NO_PROVIDER = Rule(
    "push.no-provider",
    Severity.WARNING,
    "the clearing house has no provider for this organisation",
    "It will reject every notification: it can reach neither Apple's nor Google's phones.",
    "Let the operator of the clearing house configure the apps of this organisation.",
)
PROVIDER = Rule(
    "push.provider",
    Severity.ERROR,
    "a provider takes no notifications from the clearing house",
    "Phones of this platform are not woken.",
    "Let the operator of the clearing house look at the credential for this app, and at the "
    "provider's state.",
)
CREDENTIAL = Rule(
    "push.credential",
    Severity.WARNING,
    "the clearing house's credential at a provider ends soon",
    "From then on phones of this platform are not woken.",
    "Let the operator of the clearing house renew it.",
)
CLOCKS = Rule(
    "push.clocks",
    Severity.WARNING,
    "the clocks of this front end and of the clearing house differ",
    "Providers refuse the tokens of a clearing house whose clock is wrong, and then phones of "
    "their platforms are not woken.",
    "Let both be set by NTP; `mobility check host` looks at the clock of this front end.",
)
NO_EDGE = Rule(
    "push.no-edge",
    Severity.ERROR,
    "the clearing house is at a SIP address, and there is no Access Edge",
    "SIP reaches another organisation through an Edge only; notifications wait here until they "
    "expire.",
    'Set topology.edge.name, or push.transport = "https".',
)
NOT_FEDERATED = Rule(
    "push.not-federated",
    Severity.ERROR,
    "federation with the domain of the clearing house is not allowed",
    "Nothing leaves for a domain that nobody has allowed (CsAllowedDomain).",
    "Put the domain into topology.edge.allowed_domains, and allow it on the Edge too.",
)
NO_RECORD = Rule(
    "push.no-record",
    Severity.ERROR,
    "the DNS does not say where the clearing house's domain takes federation",
    "A front end that is its own Edge finds partners by _sipfederationtls._tcp records.",
    "Let the operator of the clearing house publish the record, or set a [[sip.route]] for the "
    "domain.",
)
NO_HOSTING_PROVIDER = Rule(
    "push.hosting-provider",
    Severity.ERROR,
    "the DNS leads to a server that is neither of the domain nor of a hosting provider",
    "Whoever can change an answer of the DNS could read what users are told.",
    "If it is right, name the server as proxy of a [[topology.providers]] table "
    "(CsHostingProvider).",
)
NO_ANSWER = Rule(
    "push.no-answer",
    Severity.ERROR,
    "the clearing house takes what it is sent, and its answers do not come back",
    "Without them each notification is sent again until it expires, and no token is ever dropped.",
    "Let answers to sip:push@SERVER_FQDN through the Edge to this front end.",
)
SWITCHED_OFF = Rule(
    "push.switched-off",
    Severity.ERROR,
    "devices have registered whose platform is switched off",
    "Their apps believe that they will be woken, and hear of nothing while they sleep.",
    "mobility push enable PLATFORM, with --site SITE for the users of one site; or tell the users "
    "that these phones are not woken.",
)
NOT_SERVED = Rule(
    "push.app-not-served",
    Severity.ERROR,
    "devices have registered for an app that the clearing house does not serve",
    "It rejects every notification for them: their apps believe that they will be woken.",
    "Let the operator of the clearing house add the app for this platform, and allow it to this "
    "organisation; or let the app register under the app id that the clearing house knows.",
)
NO_HOUSE = Rule(
    "push.no-house",
    Severity.ERROR,
    "a platform is switched on, and there is no clearing house",
    "Notifications wait here until they expire.",
    "Set push.clearing_house, or mobility push disable PLATFORM.",
)
RULES = (
    NO_EDGE,
    NOT_FEDERATED,
    NO_RECORD,
    NO_HOSTING_PROVIDER,
    NO_ANSWER,
    SWITCHED_OFF,
    NOT_SERVED,
    NO_HOUSE,
    CERTIFICATE,
    UNREACHABLE,
    HANDSHAKE,
    NOT_ALLOWED,
    OTHER_SERVICE,
    NO_PROVIDER,
    CLOCKS,
    PROVIDER,
    CREDENTIAL,
)

OF_HOPS = {
    SETTING: NO_EDGE,
    ALLOWED: NOT_FEDERATED,
    PARTNER: NO_RECORD,
    PROVIDER_HOP: NO_HOSTING_PROVIDER,
    ADDRESS: UNREACHABLE,
    REPLY: NO_ANSWER,
}
"""What it means that a question ended at a hop on the way through an Edge."""


@attrs.frozen(slots=True)
class Asked:
    """What came of asking the clearing house how it is.

    `unusable` says why the files of push.certificate and push.key cannot be used, `unreachable`
    why no connection opens, `handshake` why TLS fails.  Over SIP `hop` is where it ended
    (`mobility.push.message_house`) and `refusal` why.  `refusal` is what was answered instead,
    `refused` whether it means that we are not known.  `ahead_s` is how far its clock is ahead of
    ours, as far as it says.
    """

    url: str
    leaf: x509.Certificate | None = None
    unusable: str = ""
    unreachable: str = ""
    handshake: str = ""
    refusal: str = ""
    refused: bool = False
    hop: str = ""
    providers: Sequence[ProviderHealth] = ()
    ahead_s: float = 0.0


@attrs.frozen(slots=True)
class PlatformUse:
    """A platform's switch, global or of a site, how many devices it is for, and the ids of their
    apps."""

    platform: str
    switch: str
    scope: str
    enabled: bool
    devices: int
    apps: tuple[str, ...] = attrs.field(default=(), converter=tuple)


def judge(asked: Asked | None, now: datetime) -> Report:
    """What stands in the way of push notifications; None when no clearing house is configured."""
    if asked is None:
        reason = "push.clearing_house is not set, so that no device is woken"
        return Report(skipped=(Skipped("push", reason),))
    findings = [*_certificate(asked, now), *_hops(asked)]
    return Report(tuple(findings), (f"clearing house {asked.url}",))


def judge_switches(
    used: Sequence[PlatformUse], *, house: bool, providers: Sequence[ProviderHealth] = ()
) -> Report:
    """Whether the switches and the clearing house are as the devices need them.

    `house` says whether there is one, and `providers` are those that it has told of.
    """
    findings: list[Finding] = []
    served = {(one.platform, one.app_id) for one in providers}
    kept = {(one.platform, app) for one in used for app in one.apps}
    for platform, app in sorted(kept - served if served else ()):
        what = f"devices of {platform} have registered for {app}, which it does not serve"
        findings.append(Finding(NOT_SERVED, f"{platform} for {app}", what))
    for one in used:
        where = "" if one.scope == "global" else f" ({one.scope})"
        devices = "1 device" if one.devices == 1 else f"{one.devices} devices"
        if one.devices and not one.enabled:
            what = f"{one.switch} is off{where}, and {devices} of {one.platform} registered"
            findings.append(Finding(SWITCHED_OFF, one.platform, what))
        elif one.enabled and not house:
            what = f"{one.switch} is on{where}, with {devices}, and push.clearing_house is not set"
            findings.append(Finding(NO_HOUSE, one.platform, what))
    return Report(tuple(findings), ("switches and devices",))


def _certificate(asked: Asked, now: datetime) -> Iterator[Finding]:
    if asked.unusable:
        yield Finding(CERTIFICATE, "push.certificate", asked.unusable)
    elif asked.leaf is not None:
        end = asked.leaf.not_valid_after_utc
        if end - now < SOON:
            what = f"it ends on {end.date().isoformat()}"
            yield Finding(CERTIFICATE, "push.certificate", what)
        elif not _for_clients(asked.leaf):
            yield Finding(CERTIFICATE, "push.certificate", "it is not for TLS clients")


def _hops(asked: Asked) -> Iterator[Finding]:
    """The first hop that fails, or what the last one says of the providers."""
    if asked.unusable:
        return
    if asked.hop in OF_HOPS:
        yield Finding(OF_HOPS[asked.hop], asked.url, f"{asked.url}: {asked.refusal}")
        return
    for rule, what in (
        (UNREACHABLE, asked.unreachable),
        (HANDSHAKE, asked.handshake),
        (NOT_ALLOWED if asked.refused else OTHER_SERVICE, asked.refusal),
    ):
        if what:
            yield Finding(rule, asked.url, f"{asked.url}: {what}")
            return
    if abs(asked.ahead_s) >= CLOCKS_S:
        where = "ahead of" if asked.ahead_s > 0 else "behind"
        what = f"the clock of {asked.url} is {abs(asked.ahead_s):.0f} s {where} this one's"
        yield Finding(CLOCKS, asked.url, what)
    if not asked.providers:
        yield Finding(NO_PROVIDER, asked.url, f"{asked.url} has no provider for us")
    for one in asked.providers:
        name = f"{one.platform} for {one.app_id}"
        if one.state in BAD_STATES:
            what = f"{name} is {one.state}" + (f": {one.reason}" if one.reason else "")
            yield Finding(PROVIDER, name, what)
        elif one.expires_in_days is not None and one.expires_in_days < CREDENTIAL_SOON_DAYS:
            what = f"the credential of {name} ends in {one.expires_in_days:.0f} days"
            yield Finding(CREDENTIAL, name, what)


def _for_clients(leaf: x509.Certificate) -> bool:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    except ValueError:
        return False
    good = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    return any(one in usage for one in good)
