"""What messaging sessions of Lync and its kind carry beside messages ([MS-CONFIM], [MS-SIP]):
their session descriptions, the first message in the INVITE, and notices of typing.
"""

import base64
import binascii
from collections.abc import Iterable

from mobility.domain.messaging import Text
from mobility.sip import message_bodies
from mobility.sip.call_messages import SDP
from mobility.sip.grammar import Malformed
from mobility.sip.headers import Parametrised
from mobility.sip.imdn import IMDN
from mobility.sip.message import Message, Request
from mobility.sip.message_bodies import Typing, Written, content_of
from mobility.sip.refusal import SipRefusal
from mobility.sip.xml_elements import parse_xml

TEXT_FORMAT = "Ms-Text-Format"
"""The header field of an INVITE that has the first message; who answers and names the option tag of
the same name in Supported has shown it."""

OPTION = "ms-text-format"

MAX_FIRST_BYTES = 4_096
"""Bytes of a text that an INVITE takes along; a longer one follows when it is answered (our
choice)."""

KEYBOARD = "application/xml"
"""The type of a KeyboardActivity, which says who types."""

MEDIA = ("message", "x-ms-message")
"""What the messages of a session are called in a description: the second by servers and clients
before Office Communications Server 2007, and by SIPE of servers that it does not know."""

_TYPES = (
    message_bodies.PLAIN,
    message_bodies.HTML,
    message_bodies.COMPOSING,
    message_bodies.CPIM,
    IMDN,
    message_bodies.ALTERNATIVE,
    message_bodies.RELATED,
)

_PORT = 5060
"""The port in a session description, which nobody uses: messages go where the dialog goes."""


def description(domain: str, offer: str = "") -> str:
    """What this end offers, or answers to an offer."""
    media = "x-ms-message" if _media_of(offer) == ["x-ms-message"] else "message"
    return (
        f"v=0\r\no=- 0 0 IN IP4 {domain}\r\ns=session\r\nc=IN IP4 {domain}\r\nt=0 0\r\n"
        f"m={media} {_PORT} sip null\r\na=accept-types:{' '.join(_TYPES)}\r\n"
    )


def is_session(text: str) -> bool:
    """Whether a session description is of messages that go by SIP, and of nothing else."""
    media = [line[2:].split() for line in _lines(text) if line[:2] == "m="]
    return len(media) == 1 and _media_of(text)[0] in MEDIA and media[0][2:3] == ["sip"]


def _media_of(text: str) -> list[str]:
    return [line[2:].partition(" ")[0] for line in _lines(text) if line[:2] == "m="]


def asks_for_session(request: Request) -> bool:
    """Whether an INVITE asks for such a session."""
    kind = (request.first("Content-Type") or "").partition(";")[0].strip().lower()
    return kind == SDP and is_session(request.body.decode("utf-8", "replace"))


def takes_html(text: str) -> bool:
    """Whether who describes a session so takes HTML."""
    return not {message_bodies.HTML, "text/*", "*"}.isdisjoint(_accepted(text, "accept-types"))


def tells(text: str) -> bool:
    """Whether who describes a session so can tell what becomes of messages: it names envelopes, and
    the notifications in them."""
    types = _accepted(text, "accept-types")
    wrapped = _accepted(text, "accept-wrapped-types")
    return message_bodies.CPIM in types and IMDN in types | wrapped


def _accepted(text: str, attribute: str) -> set[str]:
    for line in _lines(text):
        name, _, value = line.partition(":")
        if name == f"a={attribute}":
            return set(value.lower().split())
    return set()


def _lines(text: str) -> Iterable[str]:
    return (line.strip() for line in text.split("\n"))


def first_message(text: Text) -> list[tuple[str, str]]:
    """The header fields of an INVITE that takes a text along, none for one that is too long."""
    body = text.plain if text.format == "Html" else text.body
    raw = body.encode()
    if len(raw) > MAX_FIRST_BYTES:
        return []
    coded = base64.b64encode(raw).decode()
    return [(TEXT_FORMAT, f"{message_bodies.PLAIN}; charset=UTF-8;ms-body={coded}")]


def first_text(invite: Request) -> Written | None:
    """The text that an INVITE takes along; None without one, and for what cannot be read: the
    answer does not say then that it was shown, and it comes again as a MESSAGE."""
    value = _field(invite, TEXT_FORMAT)
    kind, found, rest = value.partition(";ms-body=")
    coded = rest.partition(";")[0].strip('" \t')
    if not found:
        return None
    try:
        body = base64.b64decode(coded, validate=True)
        content = content_of(_without_fonts(kind), body)
    except (binascii.Error, ValueError, SipRefusal):
        return None
    return content if isinstance(content, Written) else None


def _without_fonts(kind: str) -> str:
    """A type without what it says of fonts (`msgr`, `ms-...`), which is base64, too."""
    name, *parameters = kind.split(";")
    kept = [one for one in parameters if one.strip()[:8].lower() == "charset="]
    return ";".join([name, *kept])


def _field(message: Message, wanted: str) -> str:
    """The first line of a header field that SIP does not know, "" without it."""
    for name, lines in message.fields.items():
        if name.lower() == wanted.lower():
            return lines[0]
    return ""


def keyboard_activity(*, active: bool) -> bytes:
    """Who writes types, or does not, for an INFO."""
    status = "type" if active else "idle"
    return (
        '<?xml version="1.0"?>\r\n'
        f'<KeyboardActivity>\r\n<status status="{status}" />\r\n</KeyboardActivity>\r\n'
    ).encode()


def typing_of(info: Request) -> Typing | None:
    """What an INFO says of typing, None for another one.  Raises Malformed."""
    kind = Parametrised.parse(info.first("Content-Type") or "text/plain")
    value = kind.value.replace(" ", "").lower()
    if value == message_bodies.COMPOSING:
        content = content_of(value, info.body)
        return content if isinstance(content, Typing) else None
    if value not in (KEYBOARD, "text/xml"):
        return None
    root = parse_xml(info.body)
    status = root.first("status")
    if root.name != "KeyboardActivity":
        return None
    if status is None:
        raise Malformed("a KeyboardActivity without a status")
    return Typing(status.get("status").lower() == "type")
