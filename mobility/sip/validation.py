"""Whether a message is fit to be processed (RFC 3261 sections 8.1.1, 8.2.2 and 16.3).

The typed readers raise as they go; here everything that must hold for any message is asked at
once, so that what comes later need not.
"""

import re
from collections.abc import Callable

from mobility.sip.grammar import Malformed, split_values
from mobility.sip.headers import NameAddr, Parametrised, Via, seconds
from mobility.sip.message import Request, Response
from mobility.sip.uri import OtherUri, SipUri, UnknownScheme, parse_uri

MAX_FORWARDS = 255

_CALL_ID = re.compile(r"[!-~]+")


class MethodMismatch(Malformed):
    """The CSeq is of another method than the request, which is `method` (400, or 501)."""

    def __init__(self, method: str) -> None:
        super().__init__("a CSeq of another method")
        self.method = method


def check(message: Request | Response) -> None:
    """Raises Malformed for a message that breaks the rules of every message.

    UnknownScheme is raised for a Request-URI of another scheme.
    """
    for name, lines in message.fields.items():
        checker = _CHECKERS.get(name)
        if checker is not None:
            if len(lines) > 1 and name not in _MANY:
                raise Malformed(f"more than one {name}")
            for line in lines:
                checker(line)
    message.read()
    if isinstance(message, Request):
        if message.cseq.method != message.method:
            raise MethodMismatch(message.method)
        uri = parse_uri(message.uri)
        if isinstance(uri, OtherUri):
            raise UnknownScheme("a Request-URI of an unknown scheme")
        if isinstance(uri, SipUri) and uri.headers:
            raise Malformed("a Request-URI with header fields")


def _vias(line: str) -> None:
    """The topmost one is read anyway."""
    if "," in line:
        for value in split_values(line):
            Via.parse(value)


def _addresses(line: str) -> None:
    for value in split_values(line):
        if value != "*":
            NameAddr.parse(value)


def _call_id(text: str) -> None:
    if _CALL_ID.fullmatch(text) is None:
        raise Malformed("a wrong Call-ID")


def _forwards(text: str) -> None:
    if not (len(text) <= 10 and text.isascii() and text.isdigit() and int(text) <= MAX_FORWARDS):
        raise Malformed("a wrong Max-Forwards")


_CHECKERS: dict[str, Callable[[str], object]] = {
    "Via": _vias,
    "Call-ID": _call_id,
    "Max-Forwards": _forwards,
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
"""How the lines of header fields are read that need not be there."""

_MANY = frozenset({"Via", "Contact", "Route", "Record-Route", "Path"})
"""Those of them that may come more than once."""
