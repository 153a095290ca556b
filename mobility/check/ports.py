"""Whether everything listens that should, and the right service answers."""

from collections.abc import Iterator, Sequence

import attrs

from mobility.check.findings import Finding, Report, Rule, Severity, Skipped
from mobility.planning.deployment import Deployment
from mobility.planning.firewall import APNS_LEGACY_PORT, ucwa_port

WEB = Rule(
    "ports.web",
    Severity.ERROR,
    "a web listener cannot be reached",
    "Clients inside use the internal listeners, the reverse proxy the external ones: public 443 "
    "leads to 4443, and public 80 to 8080.",
    "Start the front end, and let the firewall of this machine take connections on that port.",
)
SIP = Rule(
    "ports.sip",
    Severity.ERROR,
    "a SIP listener cannot be reached",
    "Users on a branch appliance and SIP servers come in on UcwaSipExternalListeningPort (5088) "
    "and UcwaSipPrimaryListeningPort (5089); the Wi-Fi network must let both through.",
    "Start the front end, and open the port; `mobility firewall` lists them all.",
)
SIP_MISSING = Rule(
    "ports.sip-missing",
    Severity.ERROR,
    "a port of UCWA's SIP side is not configured, and there are users on a branch appliance",
    "The registrar of such a user is the branch appliance, while UCWA stays on the front end: the "
    "two meet on 5088 and 5089.",
    "Add a [[sip.listen]] table for each of the two ports.",
)
OTHER_SERVICE = Rule(
    "ports.other-service",
    Severity.ERROR,
    "something else answers on the port of a web listener",
    "The front end cannot listen there, or another program took the address before it.",
    "Look at who listens (`ss -ltnp`), and give each its own address and port.",
)
EDGE = Rule(
    "ports.edge",
    Severity.ERROR,
    "the Access Edge cannot be reached",
    "Push notifications leave through the Edge server to the push clearing house, over SIP on "
    "5061; without it phones whose app sleeps hear of nothing.",
    "Open 5061 from the front end to the Edge server, and from there to the Internet and back.",
)
POOL = Rule(
    "ports.pool",
    Severity.ERROR,
    "the discovery root of another pool cannot be reached",
    "Discovery sends users who are homed there to it; from one pool to another it goes over the "
    "external web services (4443).",
    "Correct the root in topology.pools or topology.providers, and let this network reach it.",
)
BRANCH = Rule(
    "ports.branch",
    Severity.ERROR,
    "a branch appliance cannot be reached",
    "It is the registrar of its users: their SIP clients are sent to it, and their UCWA "
    "applications, which stay on this front end, meet them over it.",
    "Open its SIP port between the branch and this network, or correct topology.branches.",
)
MIXER = Rule(
    "ports.mixer",
    Severity.ERROR,
    "the conference server cannot be reached",
    "It mixes the audio and video of meetings: without it people who join hear and see nobody.",
    "Start it, open its SIP port to the front end, or correct meetings.mixer.uri or the "
    "[[sip.route]] of its domain.",
)
RULES = (WEB, SIP, SIP_MISSING, OTHER_SERVICE, EDGE, POOL, BRANCH, MIXER)

PUSH_NOTE = (
    f"clients of Lync Server 2010 get push notifications over outgoing TCP {APNS_LEGACY_PORT}: if "
    "there are any, the Wi-Fi network must let that out (it cannot be seen from here)"
)


@attrs.frozen(slots=True)
class Probed:
    """What was tried: its kind ("web", "sip", "edge", "pool", "branch" or "mixer"), name and place.

    `failure` is "" when a connection opened; `ours` is false when what answers HTTP there is no
    front end.
    """

    kind: str
    name: str
    place: str
    failure: str = ""
    ours: bool = True


def judge(
    deployment: Deployment, probed: Sequence[Probed], skipped: Sequence[Skipped] = ()
) -> Report:
    """What is wrong with the listeners that were tried."""
    findings = (*_probed(probed), *_missing(deployment))
    looked = tuple(f"{one.name} at {one.place}" for one in probed)
    return Report(findings, looked, tuple(skipped), (PUSH_NOTE,))


def _probed(probed: Sequence[Probed]) -> Iterator[Finding]:
    rules = {
        "web": WEB,
        "sip": SIP,
        "edge": EDGE,
        "pool": POOL,
        "branch": BRANCH,
        "mixer": MIXER,
    }
    for one in probed:
        if one.failure:
            what = f"{one.name} at {one.place}: {one.failure}"
            yield Finding(rules[one.kind], one.name, what)
        elif not one.ours:
            what = f"what answers at {one.place} is not the front end's {one.name}"
            yield Finding(OTHER_SERVICE, one.name, what)


def _missing(deployment: Deployment) -> Iterator[Finding]:
    if not deployment.branches:
        return
    known = {ucwa_port(listener) for listener in deployment.sip}
    for name in ("UcwaSipExternalListeningPort", "UcwaSipPrimaryListeningPort"):
        if name not in known:
            what = f"{name} has no listener, and there are branch appliances"
            yield Finding(SIP_MISSING, name, what)
