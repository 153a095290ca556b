"""Header fields with a structure of their own, read when somebody asks for them.

Each class reads one value with `parse` (raising Malformed) and writes it with `str`.  Values are
not to be changed; those that every message has are not frozen only because making them costs less
so.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Self

import attrs

from mobility.sip.grammar import (
    QUOTED,
    TOKEN,
    Malformed,
    format_parameters,
    is_token,
    number,
    parse_parameters,
    quote,
    readable,
    unquote,
)
from mobility.sip.uri import CACHED, MAX_CACHED, SipUri, Uri, parse_host_port, parse_uri

MAX_CSEQ = 2**31 - 1
"""RFC 3261 section 8.1.1.5."""

MAX_SECONDS = 2**32 - 1
"""delta-seconds (RFC 3261 section 20.19)."""

MAGIC_COOKIE = "z9hG4bK"
"""What branches begin with that are unique (RFC 3261 section 8.1.1.7)."""

_VIA = re.compile(
    r"SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([A-Za-z0-9\-.!%*_+`'~]+)[ \t]+"
    r"([^;,<>\" \t]+(?:[ \t]*:[ \t]*\d+)?)[ \t]*",
    re.IGNORECASE,
)
_CSEQ = re.compile(r"(\d{1,10})[ \t]+([A-Za-z0-9\-.!%*_+`'~]+)", re.ASCII)
_are_token = TOKEN.fullmatch
_DISPLAY = re.compile(r"[A-Za-z0-9\-.!%*_+`'~ \t]*")
_ADDR_SPEC = re.compile(r"[^\s<>\",;?]+")

Parameters = Mapping[str, str | None]


@attrs.define(slots=True)
class Via:
    """One hop of the Via header field (RFC 3261 section 20.42); `transport` in upper case."""

    transport: str
    host: str
    port: int | None = None
    parameters: Parameters = attrs.Factory(dict)

    @property
    def branch(self) -> str:
        return self.parameters.get("branch") or ""

    @property
    def sent_by(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Via":
        hop, _, rest = text.partition(";branch=")
        branch, _, more = rest.partition(";")
        if (not more or more == "rport") and len(hop) <= MAX_CACHED and _are_token(branch):
            known = _cached_via(hop)  # of each request another branch, over a hop that is the same
            if not known.parameters:
                parameters: dict[str, str | None] = {"branch": branch}
                if more:
                    parameters["rport"] = None
                return Via(known.transport, known.host, known.port, parameters)
        return _via(text)

    def __str__(self) -> str:
        parameters = format_parameters(dict(self.parameters))
        return f"SIP/2.0/{self.transport} {self.sent_by}{parameters}"


def _via(text: str) -> Via:
    match = _VIA.match(text)
    if match is None:
        raise Malformed("a wrong Via")
    sent_by = match.group(2)
    if " " in sent_by or "\t" in sent_by:
        sent_by = sent_by.replace(" ", "").replace("\t", "")
    name, number_of_port = parse_host_port(sent_by)
    parameters = parse_parameters(text[match.end() :])
    return Via(match.group(1).upper(), name, number_of_port, parameters)


_cached_via = lru_cache(CACHED)(_via)


@attrs.define(slots=True)
class CSeq:
    """RFC 3261 section 20.16."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> "CSeq":
        return _cached_cseq(text) if len(text) <= MAX_CACHED else _cseq(text)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def _cseq(text: str) -> CSeq:
    match = _CSEQ.fullmatch(text)
    if match is None:
        raise Malformed("a wrong CSeq")
    digits, method = match.groups()
    value = int(digits)
    if value > MAX_CSEQ:
        raise Malformed("a CSeq above 2**31 - 1")
    return CSeq(value, method)


_cached_cseq = lru_cache(CACHED)(_cseq)


@attrs.define(slots=True)
class NameAddr:
    """A name-addr or addr-spec with its parameters: From, To, Contact, Route, Refer-To, ...

    `parameters` are those of the header field, not of the URI; quoted values stay quoted.
    """

    uri: Uri
    name: str = attrs.field(default="", repr=False)
    parameters: Parameters = attrs.Factory(dict)

    @property
    def tag(self) -> str:
        """The tag of a From or To, "" without one."""
        return self.parameters.get("tag") or ""

    @property
    def sip(self) -> SipUri:
        """The URI, which must be a SIP URI.  Raises Malformed."""
        if not isinstance(self.uri, SipUri):
            raise Malformed("a URI that is no SIP URI")
        return self.uri

    @classmethod
    def parse(cls, text: str) -> "NameAddr":
        address, tagged, tag = text.partition(">;tag=")
        if tagged and len(address) < MAX_CACHED and is_token(tag):
            known = _cached_before_tag(address)  # of each request another tag behind the same
            return NameAddr(known.uri, known.name, {"tag": tag})
        return _cached_address(text) if len(text) <= MAX_CACHED else _address(text)

    def __str__(self) -> str:
        name = f"{quote(self.name)} " if self.name else ""
        return f"{name}<{self.uri}>{format_parameters(dict(self.parameters))}"


def _address(text: str) -> NameAddr:
    name, bracket = "", text.find("<")
    if text[:1] == '"':
        quoted = QUOTED.match(text)
        if quoted is None:
            raise Malformed("an open quote")
        name = readable(unquote(quoted.group()))
        rest = text[quoted.end() :].lstrip(" \t")
        if rest[:1] != "<":
            raise Malformed("a display name without an address in brackets")
    elif bracket >= 0:
        name = text[:bracket].strip(" \t")
        if _DISPLAY.fullmatch(name) is None:
            raise Malformed("a display name that must be quoted")
        rest = text[bracket:]
    else:
        spec = _ADDR_SPEC.match(text)
        if spec is None:
            raise Malformed("no address where one must be")
        return NameAddr(parse_uri(spec.group()), "", _addr_parameters(text[spec.end() :]))
    address, closing, tail = rest[1:].partition(">")
    if not closing:
        raise Malformed("an open bracket")
    return NameAddr(parse_uri(address), name, parse_parameters(tail.strip(" \t")))


_cached_address = lru_cache(CACHED)(_address)


@lru_cache(CACHED)
def _cached_before_tag(text: str) -> NameAddr:
    """An address in brackets, without the closing one."""
    return _address(f"{text}>")


def _addr_parameters(text: str) -> dict[str, str | None]:
    """Parameters after an address without brackets; it may have no "?" (RFC 3261 section 20)."""
    text = text.strip(" \t")
    if text[:1] not in ("", ";"):
        raise Malformed("an address that must be in brackets")
    return parse_parameters(text)


@attrs.frozen(slots=True)
class Parametrised:
    """A token with parameters: Event, Subscription-State, Content-Type, Reason, Session-Expires.

    `value` is as written; compare `value.lower()` where case does not count.
    """

    value: str
    parameters: Parameters = attrs.Factory(dict)

    @classmethod
    def parse(cls, text: str) -> "Parametrised":
        return _cached_parametrised(text) if len(text) <= MAX_CACHED else _parametrised(text)

    def parameter(self, name: str) -> str:
        """A parameter's text without quotes, "" without it."""
        return unquote(self.parameters.get(name) or "")

    def __str__(self) -> str:
        return f"{self.value}{format_parameters(dict(self.parameters))}"


def _parametrised(text: str) -> Parametrised:
    value, semicolon, tail = text.partition(";")
    value = value.strip(" \t")
    if not all(is_token(part.strip(" \t")) for part in value.split("/", 1)):
        raise Malformed("no token where one must be")
    return Parametrised(value, parse_parameters(semicolon + tail))


_cached_parametrised = lru_cache(CACHED)(_parametrised)


@attrs.frozen(slots=True)
class RAck:
    """RFC 3262 section 7.2."""

    response_number: int
    cseq: CSeq

    @classmethod
    def parse(cls, text: str) -> Self:
        response, _, rest = text.partition(" ")
        return cls(number(response, 2**32 - 1), CSeq.parse(rest.strip(" \t")))

    def __str__(self) -> str:
        return f"{self.response_number} {self.cseq}"


@attrs.frozen(slots=True)
class Authorisation:
    """A challenge or the credentials of one: scheme in lower case and its parameters, unquoted.

    WWW-Authenticate, Authorization and their proxy forms (RFC 3261 section 20.7).
    """

    scheme: str
    parameters: Mapping[str, str] = attrs.field(repr=False, factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        scheme, space, rest = text.partition(" ")
        if not is_token(scheme):
            raise Malformed("no authentication scheme")
        if not space:
            return cls(scheme.lower())
        read = parse_parameters("," + rest, separator=",")
        return cls(scheme.lower(), {name: unquote(value or "") for name, value in read.items()})


def seconds(text: str) -> int:
    """delta-seconds of Expires, Min-Expires, Retry-After (without its comment and parameters)."""
    return number(re.split(r"[ \t;(]", text, maxsplit=1)[0], MAX_SECONDS)
