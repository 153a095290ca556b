"""Whether a message is fit to be processed (RFC 3261 sections 8.1.1, 8.2.2 and 16.3).

The typed readers raise as they go; here everything that must hold for any message is asked at
once, so that what comes later need not.
"""

from collections.abc import Callable

from mobility.sip.grammar import Malformed, split_values
from mobility.sip.headers import NameAddr, Parametrised, Via, seconds
from mobility.sip.message import Request, Response
from mobility.sip.uri import OtherUri, SipUri, UnknownScheme, parse_uri

MAX_FORWARDS = 255

_PLAIN_FORWARDS = frozenset(map(str, range(MAX_FORWARDS + 1)))
"""Max-Forwards as nearly all write it."""


class MethodMismatch(Malformed):
    """The CSeq is of another method than the request, which is `method` (400, or 501)."""

    def __init__(self, method: str) -> None:
        super().__init__("a CSeq of another method")
        self.method = method


def check(message: Request | Response) -> None:
    """Raises Malformed for a message that breaks the rules of every message.

    UnknownScheme is raised for a Request-URI of another scheme.
    """
    fields = message.fields
    forwards = fields.get("Max-Forwards")
    if forwards is not None and (len(forwards) > 1 or forwards[0] not in _PLAIN_FORWARDS):
        _check_lines("Max-Forwards", forwards, _forwards)
    if not _CHECKED.isdisjoint(fields):
        for name in _CHECKED.intersection(fields):
            _check_lines(name, fields[name], _CHECKERS[name])
    message.read()
    call_id = fields["Call-ID"][0]
    if not (call_id.isascii() and call_id.isprintable()) or " " in call_id or not call_id:
        raise Malformed("a wrong Call-ID")
    vias = fields["Via"]
    if len(vias) > 1 or "," in vias[0]:
        _check_more(vias)
    if isinstance(message, Request):
        if message.cseq.method != message.method:
            raise MethodMismatch(message.method)
        uri = parse_uri(message.uri)
        if isinstance(uri, SipUri):
            if uri.headers:
                raise Malformed("a Request-URI with header fields")
        elif isinstance(uri, OtherUri):
            raise UnknownScheme("a Request-URI of an unknown scheme")


def _check_lines(name: str, lines: list[str], checker: Callable[[str], object]) -> None:
    if len(lines) > 1 and name not in _MANY:
        raise Malformed(f"more than one {name}")
    for line in lines:
        checker(line)


def _check_more(vias: list[str]) -> None:
    """Those that share a line; the topmost one was read anyway."""
    for line in vias:
        if "," in line:
            for value in split_values(line):
                Via.parse(value)


def _addresses(line: str) -> None:
    for value in split_values(line):
        if value != "*":
            NameAddr.parse(value)


def _forwards(text: str) -> None:
    if not (len(text) <= 10 and text.isascii() and text.isdigit() and int(text) <= MAX_FORWARDS):
        raise Malformed("a wrong Max-Forwards")


_CHECKERS: dict[str, Callable[[str], object]] = {
    "Contact": _addresses,
    "Route": _addresses,
    "Record-Route": _addresses,
    "Path": _addresses,
    "Content-Type": Parametrised.parse,
    "Event": Parametrised.parse,
    "Subscription-State": Parametrised.parse,
    "Expires": seconds,
    "Min-Expires": seconds,
}
"""How the lines of header fields are read that most messages do not have."""

_CHECKED = frozenset(_CHECKERS)

_MANY = frozenset({"Contact", "Route", "Record-Route", "Path"})
"""Those of them that may come more than once."""
