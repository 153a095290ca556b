"""Keys pressed in a call, as the bodies of INFO that phones and PBXs send: `application/dtmf-relay`
(`Signal=5`, `Duration=160`) and `application/dtmf` (`5`), which no RFC has."""

from mobility.domain.tones import SIGNALS, Tone
from mobility.sip.grammar import Malformed
from mobility.sip.headers import Parametrised
from mobility.sip.message import Request
from mobility.sip.refusal import SipRefusal

RELAY = "application/dtmf-relay"
PLAIN = "application/dtmf"

ACCEPT = f"{RELAY}, {PLAIN}"
"""The bodies of INFO that are taken within calls."""

DURATION_MS = 160
"""For how long a key is heard that does not say (our choice: what phones send)."""

MIN_DURATION_MS, MAX_DURATION_MS = 40, 5_000
"""Bounds of it (our choice: the shortest tone that is told apart, ITU-T Q.24; the longest that
Cisco's gateways take)."""

MAX_BYTES = 256
"""Of such a body (our choice)."""

NUMBERED = {str(10 + number): signal for number, signal in enumerate("*#ABCD")}
"""Keys by the numbers of their events (RFC 4733 section 3.2)."""


def tone_of(request: Request) -> Tone | None:
    """What an INFO says, None for one without a body.

    Raises SipRefusal (469 for a package, none of which is taken, RFC 6086; 415 for another body)
    and Malformed.
    """
    if "Info-Package" in request.fields:
        raise SipRefusal(469, fields={"Recv-Info": [""]})
    if not request.body:
        return None
    kind = Parametrised.parse(request.need("Content-Type")).value.lower().replace(" ", "")
    if kind not in (RELAY, PLAIN):
        raise SipRefusal(415, fields={"Accept": [ACCEPT]})
    if len(request.body) > MAX_BYTES:
        raise Malformed("a key in too many bytes")
    try:
        text = request.body.decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("a key that is no ASCII") from None
    if kind == PLAIN:
        return Tone(_signal(text), DURATION_MS)
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        values.setdefault(name.strip().lower(), value.strip())
    return Tone(_signal(values.get("signal", "")), _duration(values.get("duration", "")))


def body_of(tone: Tone) -> bytes:
    """A tone as `RELAY`."""
    return f"Signal={tone.signal}\r\nDuration={tone.duration_ms}\r\n".encode()


def _signal(text: str) -> str:
    wanted = text.strip().upper()
    wanted = NUMBERED.get(wanted, wanted)
    if len(wanted) != 1 or wanted not in SIGNALS:
        raise Malformed("no key of a telephone")
    return wanted


def _duration(text: str) -> int:
    if not text:
        return DURATION_MS
    if not text.isdigit() or len(text) > 9:
        raise Malformed("a duration that is no number")
    return min(max(int(text), MIN_DURATION_MS), MAX_DURATION_MS)
