"""LDAP messages: requests into octets (by ldaptor), answers out of them (RFC 4511 §4).

Answers are read here and not by ldaptor: its decoder takes time that grows with the square of an
entry's values, trusts the server with `assert` and recursion, and prints tags it does not know.
"""

from collections.abc import Iterator, Sequence

import attrs
from ldaptor.ldapfilter import parseFilter
from ldaptor.protocols.pureber import BERInteger, BEROctetString, BERSequence
from ldaptor.protocols.pureldap import (
    LDAPBindRequest,
    LDAPMessage,
    LDAPSearchRequest,
    LDAPStartTLSRequest,
    LDAPUnbindRequest,
)

from mobility.directory import ber
from mobility.directory.ber import Malformed, elements, integer

BASE, SUBTREE = 0, 2
"""Scopes of a search (RFC 4511 §4.5.1.2)."""

PAGED_RESULTS = b"1.2.840.113556.1.4.319"
"""The control of a paged search (RFC 2696)."""

BIND_RESPONSE = 0x61
SEARCH_ENTRY = 0x64
SEARCH_DONE = 0x65
SEARCH_REFERENCE = 0x73
EXTENDED_RESPONSE = 0x78
INTERMEDIATE_RESPONSE = 0x79
_RESULTS = {BIND_RESPONSE, SEARCH_DONE, EXTENDED_RESPONSE}
_PASSED_OVER = {SEARCH_REFERENCE, INTERMEDIATE_RESPONSE}
_CONTROLS = 0xA0

SUCCESS = 0

MAX_REASON = 200
"""Characters of a server's diagnostic message that are kept."""

Attributes = dict[str, tuple[bytes, ...]]
"""Attribute description in lower case, options included, to its values."""


@attrs.frozen(slots=True)
class Entry:
    """An entry that a search found."""

    dn: str
    attributes: Attributes = attrs.field(repr=False)


@attrs.frozen(slots=True)
class Result:
    """The end of an operation: its kind (a tag), result code and the server's words.

    `cookie` is that of a paged search, b"" when there is no further page.
    """

    kind: int
    code: int
    message: str = ""
    cookie: bytes = b""


@attrs.frozen(slots=True)
class PassedOver:
    """An answer that says nothing to us: a referral to another server, or an intermediate one."""

    kind: int


Answer = Entry | Result | PassedOver


@attrs.frozen(slots=True)
class Search:
    """What to look for.  `filter` is RFC 4515 text; `limit` bounds the entries of all pages."""

    base: str
    filter: str
    attributes: Sequence[str]
    limit: int
    scope: int = SUBTREE
    page_size: int = 500


def check_filter(text: str) -> str:
    """What is wrong with the text of a filter (RFC 4515), "" when nothing is."""
    try:
        parseFilter(text)
    except Exception as error:  # ldaptor lets its parser's own errors, and others, through
        return (" ".join(str(error).split()) or type(error).__name__)[:MAX_REASON]
    return ""


def bind_request(number: int, dn: str, password: str) -> bytes:
    """A simple bind (RFC 4511 §4.2)."""
    request = LDAPBindRequest(dn=dn.encode(), auth=password.encode())
    return _message(number, request)


def start_tls_request(number: int) -> bytes:
    """RFC 4511 §4.14."""
    return _message(number, LDAPStartTLSRequest())


def unbind_request(number: int) -> bytes:
    """RFC 4511 §4.3."""
    return _message(number, LDAPUnbindRequest())


def search_request(number: int, search: Search, cookie: bytes, time_limit_s: int) -> bytes:
    """One page of a search; a server that knows no pages must refuse it."""
    request = LDAPSearchRequest(
        baseObject=search.base.encode(),
        scope=search.scope,
        timeLimit=time_limit_s,
        filter=parseFilter(search.filter),
        attributes=[name.encode() for name in search.attributes],
    )
    page = BERSequence([BERInteger(search.page_size), BEROctetString(cookie)]).toWire()
    return _message(number, request, [(PAGED_RESULTS, True, page)])


def _message(number: int, request: object, controls: object = None) -> bytes:
    wire: bytes = LDAPMessage(request, controls=controls, id=number).toWire()
    return wire


def read_answer(message: bytes) -> tuple[int, Answer]:
    """The number of the request that a whole message answers, and the answer.  Raises Malformed."""
    _, content = _next(elements(message), ber.SEQUENCE)
    parts = elements(content)
    _, number = _next(parts, ber.INTEGER)
    kind, body = next(parts, (0, b""))
    if kind in _PASSED_OVER:
        return integer(number), PassedOver(kind)
    if kind == SEARCH_ENTRY:
        return integer(number), _entry(body)
    if kind not in _RESULTS:
        raise Malformed(f"a message is of kind {kind:#04x}, which answers nothing we ask")
    cookie = b""
    for tag, controls in parts:
        if tag == _CONTROLS:
            cookie = _cookie(controls)
    fields = elements(body)
    _, code = _next(fields, ber.ENUMERATED)
    _next(fields, ber.OCTET_STRING)
    _, words = _next(fields, ber.OCTET_STRING)
    text = words.rstrip(b"\0").decode(errors="replace")[:MAX_REASON]
    return integer(number), Result(kind, integer(code), " ".join(text.split()), cookie)


def _entry(body: bytes) -> Entry:
    parts = elements(body)
    _, dn = _next(parts, ber.OCTET_STRING)
    _, described = _next(parts, ber.SEQUENCE)
    attributes: Attributes = {}
    for tag, attribute in elements(described):
        if tag != ber.SEQUENCE:
            raise Malformed("an attribute of an entry is malformed")
        fields = elements(attribute)
        _, name = _next(fields, ber.OCTET_STRING)
        _, values = _next(fields, ber.SET)
        attributes[_text(name).lower()] = tuple(value for _, value in elements(values))
    return Entry(_text(dn), attributes)


def _cookie(controls: bytes) -> bytes:
    """The cookie of the paged results control among the controls of an answer."""
    for _, control in elements(controls):
        fields = elements(control)
        _, name = _next(fields, ber.OCTET_STRING)
        if name != PAGED_RESULTS:
            continue
        for tag, value in fields:
            if tag == ber.OCTET_STRING:
                _, page = _next(elements(value), ber.SEQUENCE)
                parts = elements(page)
                _next(parts, ber.INTEGER)
                return _next(parts, ber.OCTET_STRING)[1]
    return b""


def _next(parts: Iterator[tuple[int, bytes]], expected: int) -> tuple[int, bytes]:
    tag, content = next(parts, (0, b""))
    if tag != expected:
        raise Malformed(f"a message has {tag:#04x} where {expected:#04x} belongs")
    return tag, content


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise Malformed("a name in a message is no UTF-8") from None
