"""What MESSAGE requests carry (RFC 3428): texts, notices of typing (RFC 3994), and messages in an
envelope (CPIM, RFC 3862) with their delivery notifications (IMDN, RFC 5438).
"""

import base64
import binascii
import quopri
from collections.abc import Mapping

import attrs

from mobility.domain.carriers import Wish
from mobility.domain.html_message import read_html
from mobility.domain.messaging import Text
from mobility.errors import PeerFault
from mobility.sip import imdn
from mobility.sip.grammar import Malformed, storable
from mobility.sip.headers import Parametrised
from mobility.sip.imdn import IMDN, Notice, notice_of, wish_of
from mobility.sip.message import Request
from mobility.sip.multipart import Part, parts_of
from mobility.sip.refusal import SipRefusal
from mobility.sip.xml_elements import parse_xml

PLAIN = "text/plain"
HTML = "text/html"
CPIM = "message/cpim"
COMPOSING = "application/im-iscomposing+xml"

ALTERNATIVE = "multipart/alternative"
RELATED = "multipart/related"

ACCEPT = ", ".join((PLAIN, HTML, CPIM, COMPOSING, IMDN, ALTERNATIVE, RELATED))

CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "iso-8859-15": "iso-8859-15",
    "windows-1252": "windows-1252",
}
"""Charsets that are read, and how; US-ASCII is a part of UTF-8 and often what UTF-8 is called."""

MAX_CPIM_LINES = 64
"""Header lines of an envelope (our choice)."""

_NAMESPACE = "urn:ietf:params:xml:ns:im-iscomposing"


@attrs.frozen(slots=True)
class Typing:
    """The sender types, or has stopped."""

    active: bool


@attrs.frozen(slots=True)
class Written:
    """A text, and what its sender wishes to hear of it."""

    text: Text = attrs.field(repr=False)
    wish: Wish | None = None


Content = Written | Typing | Notice


def read_content(request: Request) -> Content:
    """What a MESSAGE carries.  Raises SipRefusal (400, 415) and Malformed."""
    encoding = (request.first("Content-Encoding") or "identity").strip().lower()
    if encoding != "identity":
        raise SipRefusal(415, fields={"Accept-Encoding": ["identity"]})
    return content_of(request.first("Content-Type") or PLAIN, request.body)


def content_of(
    content_type: str, body: bytes, *, enveloped: bool = False, within: str = ""
) -> Content:
    """What a body carries; `within` is the multipart type that it is a part of.

    Raises SipRefusal (400, 415) and Malformed.
    """
    kind = Parametrised.parse(content_type)
    match kind.value.replace(" ", "").lower():
        case "text/plain":
            return Written(_plain(_decoded(kind, body)))
        case "text/html":
            return Written(_html(_decoded(kind, body)))
        case "application/im-iscomposing+xml":
            return _typing(body)
        case "message/imdn+xml":
            return notice_of(body)
        case "message/cpim" if not enveloped:
            return _enveloped(body)
        case "multipart/alternative" if not within:
            return _alternative(kind, body)
        case "multipart/related" if within != RELATED:
            return _root(kind, body, enveloped=enveloped)
    raise SipRefusal(415, fields={"Accept": [ACCEPT]})


def _alternative(kind: Parametrised, body: bytes) -> Content:
    """RFC 2046 section 5.1.4: the last of the parts that is read here."""
    refusal = SipRefusal(415, fields={"Accept": [ACCEPT]})
    for part in reversed(parts_of(kind, body)):
        try:
            return content_of(
                part.content_type, _transferred(part), enveloped=True, within=ALTERNATIVE
            )
        except SipRefusal as refused:
            if refused.status != 415:
                raise
            refusal = refused
    raise refusal


def _root(kind: Parametrised, body: bytes, *, enveloped: bool) -> Content:
    """RFC 2387: the first part; the others are the pictures in it, which are not shown here."""
    parts = parts_of(kind, body)
    body = _transferred(parts[0])
    return content_of(parts[0].content_type, body, enveloped=enveloped, within=RELATED)


def _transferred(part: Part) -> bytes:
    """The body of a part as it was before its Content-Transfer-Encoding.  Raises SipRefusal and
    Malformed."""
    encoding = part.fields.get("content-transfer-encoding", "8bit").strip().lower()
    try:
        if encoding == "base64":
            return base64.b64decode(part.body)
        if encoding == "quoted-printable":
            return quopri.decodestring(part.body)
    except binascii.Error:
        raise Malformed("a part that is no base64") from None
    if encoding not in ("7bit", "8bit", "binary"):
        raise SipRefusal(415, fields={"Accept": [ACCEPT]})
    return part.body


def _decoded(kind: Parametrised, body: bytes) -> str:
    charset = CHARSETS.get(kind.parameter("charset").lower() or "utf-8")
    if charset is None:
        raise SipRefusal(415, "Unsupported Media Type: a charset that is not read here")
    try:
        return body.decode(charset)
    except UnicodeDecodeError:
        raise Malformed(f"a text that is no {charset}") from None


def _plain(text: str) -> Text:
    if not text or not storable(text):
        raise Malformed("no text where one must be")
    return Text("Plain", text)


def _html(text: str) -> Text:
    if not storable(text):
        raise Malformed("no text where one must be")
    try:
        message = read_html(text)
    except PeerFault as fault:
        raise SipRefusal(413 if fault.status == 413 else 400) from None
    if not message.plain:
        raise Malformed("no text where one must be")
    return Text("Html", message.html, message.plain)


def _typing(body: bytes) -> Typing:
    """RFC 3994 section 5.1."""
    root = parse_xml(body)
    if root.name != "isComposing":
        raise Malformed("no isComposing where one must be")
    return Typing(root.words("state").lower() == "active")


def _enveloped(body: bytes) -> Content:
    """RFC 3862 section 2: header lines, then MIME header lines, then the message.

    Prefixes of header names stand for the namespaces that NS lines give them.
    """
    envelope, _, rest = body.replace(b"\r\n", b"\n").partition(b"\n\n")
    headers, prefixes = _lines(envelope)
    mime, _, inner = rest.partition(b"\n\n")
    fields = {name.lower(): value for name, value in _lines(mime)[0].items()}
    content = content_of(fields.get("content-type", PLAIN), inner, enveloped=True)
    if isinstance(content, Written):
        return attrs.evolve(content, wish=wish_of(headers, prefixes.get(imdn.HEADERS, "")))
    return content


def _lines(block: bytes) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Header lines by name, and prefixes (with their dot) by namespace.  Raises Malformed."""
    try:
        lines = block.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise Malformed("an envelope that is no UTF-8") from None
    if len(lines) > MAX_CPIM_LINES:
        raise Malformed("an envelope with too many lines")
    headers: dict[str, str] = {}
    prefixes: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon:
            raise Malformed("an envelope with a line that is no header")
        headers.setdefault(name.strip(), value.strip())
        if name.strip() == "NS":
            prefix, _, namespace = value.strip().rpartition(" ")
            prefixes[namespace.strip("<>")] = f"{prefix.strip()}." if prefix.strip() else ""
    return headers, prefixes


def typing_body(*, active: bool, refresh_s: int) -> bytes:
    """RFC 3994: the state of who writes."""
    state = "active" if active else "idle"
    refresh = f"<refresh>{refresh_s}</refresh>" if active else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<isComposing xmlns="{_NAMESPACE}"><state>{state}</state>'
        f"<contenttype>{PLAIN}</contenttype>{refresh}</isComposing>\n"
    ).encode()
