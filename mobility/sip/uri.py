"""SIP, SIPS and tel URIs (RFC 3261 section 19.1, RFC 3966)."""

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import unquote_to_bytes

import attrs

from mobility.sip.grammar import MAX_PARAMETERS, Malformed, number

MAX_URI = 1024
"""Characters of a URI (our choice: the longest that deployed stacks take whole)."""

CACHED = 4_096
"""URIs that are remembered, since peers send the same ones again and again (our choice)."""

MAX_CACHED = 256
"""Characters of a URI that is worth it (our choice)."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_ESCAPED = r"%[0-9A-Fa-f]{2}"
_USER = re.compile(rf"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|{_ESCAPED})+")
_PASSWORD = re.compile(rf"(?:[A-Za-z0-9\-_.!~*'()&=+$,]|{_ESCAPED})*")
_PARAMETER = re.compile(rf"(?:[A-Za-z0-9\-_.!~*'()\[\]/:&+$]|{_ESCAPED})+")
_HEADER = re.compile(rf"(?:[A-Za-z0-9\-_.!~*'()\[\]/?:+$]|{_ESCAPED})*")
_HOST_NAME = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9\-_]{0,61}[A-Za-z0-9])?\.)*"
    r"[A-Za-z0-9](?:[A-Za-z0-9\-_]{0,61}[A-Za-z0-9])?\.?"
)
_THREE_COLONS = re.compile(r":::(?=[0-9]{1,3}\.)")
_TEL = re.compile(r"\+[0-9\-.()]{1,40}|[0-9A-Fa-f*#\-.()]{1,40}")
_OPAQUE = re.compile(r"[!-;=?-~]+")

_COMPARED_ALWAYS = ("user", "ttl", "method", "maddr", "transport")
"""Parameters that must be in both URIs or in none (RFC 3261 section 19.1.4)."""


class UnknownScheme(Malformed):
    """A URI of a scheme that SIP does not route (416)."""


@attrs.frozen(slots=True)
class SipUri:
    """A `sip:` or `sips:` URI; `user` and the rest are as written, escapes and all.

    `host` is in lower case, an IPv6 address in its brackets.  `parameters` have their names in
    lower case; one without a value has None.  `headers` is what follows the "?".
    """

    host: str
    user: str = ""
    scheme: str = "sip"
    port: int | None = None
    parameters: Mapping[str, str | None] = attrs.Factory(dict)
    headers: str = ""
    password: str | None = attrs.field(default=None, repr=False)
    aor: str = attrs.field(init=False, eq=False, repr=False)
    """The address of record: `sip:user@host` in lower case, escapes resolved where they may."""

    @aor.default
    def _of_user_and_host(self) -> str:
        return _aor(self.user, self.host)

    @property
    def secure(self) -> bool:
        return self.scheme == "sips"

    @property
    def transport(self) -> str:
        """The `transport` parameter in lower case, "" without one."""
        return (self.parameters.get("transport") or "").lower()

    def bare(self) -> "SipUri":
        """Without parameters and headers, as a REGISTER's or a route's own URI."""
        return attrs.evolve(self, parameters={}, headers="")

    def equivalent(self, other: "SipUri") -> bool:
        """Whether both mean the same (RFC 3261 section 19.1.4)."""
        if (self.scheme, self.host, self.port) != (other.scheme, other.host, other.port):
            return False
        if unquote_to_bytes(self.user) != unquote_to_bytes(other.user):
            return False
        if (self.password or "") != (other.password or ""):
            return False
        for name in {*self.parameters, *other.parameters}:
            both = name in self.parameters and name in other.parameters
            if not both and name in _COMPARED_ALWAYS:
                return False
            if both and _value(self.parameters[name]) != _value(other.parameters[name]):
                return False
        return _header_set(self.headers) == _header_set(other.headers)

    def __str__(self) -> str:
        user = self.user
        if self.password is not None:
            user += f":{self.password}"
        parameters = "".join(
            f";{name}" if value is None else f";{name}={value}"
            for name, value in self.parameters.items()
        )
        return (
            f"{self.scheme}:"
            + (f"{user}@" if user else "")
            + self.host
            + (f":{self.port}" if self.port is not None else "")
            + parameters
            + (f"?{self.headers}" if self.headers else "")
        )


@attrs.frozen(slots=True)
class TelUri:
    """A `tel:` URI: the number as written without its visual separators, and its parameters."""

    number: str = attrs.field(repr=False)
    parameters: str = ""

    def __str__(self) -> str:
        return f"tel:{self.number}" + (f";{self.parameters}" if self.parameters else "")


@attrs.frozen(slots=True)
class OtherUri:
    """A URI of another scheme, kept as it is."""

    scheme: str
    text: str

    def __str__(self) -> str:
        return self.text


Uri = SipUri | TelUri | OtherUri


def parse_uri(text: str) -> Uri:
    """Read a URI of any scheme.  Raises Malformed."""
    return _cached_uri(text) if len(text) <= MAX_CACHED else _uri(text)


def _uri(text: str) -> Uri:
    if len(text) > MAX_URI:
        raise Malformed("a URI that is too long")
    scheme, colon, rest = text.partition(":")
    if not colon or _SCHEME.fullmatch(scheme) is None:
        raise Malformed("a URI without a scheme")
    scheme = scheme.lower()
    if scheme in ("sip", "sips"):
        return _parse_sip(scheme, rest)
    if scheme == "tel":
        return _parse_tel(rest)
    if _OPAQUE.fullmatch(rest) is None:
        raise Malformed("a URI with characters that none may have")
    return OtherUri(scheme, text)


_cached_uri = lru_cache(CACHED)(_uri)


def parse_sip_uri(text: str) -> SipUri:
    """Read a SIP or SIPS URI.  Raises Malformed, and UnknownScheme for another scheme."""
    uri = parse_uri(text)
    if not isinstance(uri, SipUri):
        raise UnknownScheme("a URI that is no SIP URI")
    return uri


def _parse_sip(scheme: str, rest: str) -> SipUri:
    user, password = "", None
    at = rest.rfind("@")
    if at >= 0:
        info, rest = rest[:at], rest[at + 1 :]
        user, colon, secret = info.partition(":")
        if _USER.fullmatch(user) is None:
            raise Malformed("a URI with a wrong user part")
        if colon:
            if _PASSWORD.fullmatch(secret) is None:
                raise Malformed("a URI with a wrong password part")
            password = secret
    rest, question, headers = rest.partition("?")
    if question and not _are_headers(headers):
        raise Malformed("a URI with wrong headers")
    host_port, semicolon, tail = rest.partition(";")
    host, port = parse_host_port(host_port)
    parameters = _uri_parameters(tail) if semicolon else {}
    return SipUri(host, user, scheme, port, parameters, headers, password)


def parse_host_port(text: str) -> tuple[str, int | None]:
    """`host[:port]`; the host in lower case, IPv6 in brackets.  Raises Malformed."""
    if text[:1] == "[":
        literal, bracket, rest = text[1:].partition("]")
        literal = _THREE_COLONS.sub("::", literal)  # RFC 3261's grammar, RFC 5118 section 4.10
        try:
            IPv6Address(literal)
        except AddressValueError:
            raise Malformed("a wrong IPv6 address") from None
        if not bracket or "%" in literal or (rest and rest[0] != ":"):
            raise Malformed("a wrong IPv6 address")
        host, colon, port = f"[{literal.lower()}]", rest[:1], rest[1:]
    else:
        host, colon, port = text.partition(":")
        if len(host) > 255 or _HOST_NAME.fullmatch(host) is None:
            raise Malformed("a wrong host name")
        host = host.lower()
    return host, number(port, 65_535) if colon else None


def _uri_parameters(text: str) -> dict[str, str | None]:
    parameters: dict[str, str | None] = {}
    for item in text.split(";"):
        name, equals, value = item.partition("=")
        if _PARAMETER.fullmatch(name) is None:
            raise Malformed("a URI with a wrong parameter")
        if equals and _PARAMETER.fullmatch(value) is None:
            raise Malformed("a URI with a wrong parameter")
        name = name.lower()
        if name in parameters:
            raise Malformed("a URI with a parameter twice")
        parameters[name] = value if equals else None
        if len(parameters) > MAX_PARAMETERS:
            raise Malformed("a URI with too many parameters")
    return parameters


def _are_headers(text: str) -> bool:
    for item in text.split("&"):
        name, equals, value = item.partition("=")
        if not name or not equals:
            return False
        if _HEADER.fullmatch(name) is None or _HEADER.fullmatch(value) is None:
            return False
    return True


def _parse_tel(rest: str) -> TelUri:
    digits, _, parameters = rest.partition(";")
    if _TEL.fullmatch(digits) is None or not re.search("[0-9A-Fa-f*#]", digits):
        raise Malformed("a tel URI without a number")
    if parameters:
        _uri_parameters(parameters)
    return TelUri(re.sub(r"[\-.()]", "", digits), parameters)


@lru_cache(CACHED)
def _aor(user: str, host: str) -> str:
    user = _plain_user(user).lower()
    return f"sip:{user}@{host}" if user else f"sip:{host}"


def _plain_user(user: str) -> str:
    """The user part with the escapes of characters that need none resolved."""
    if "%" not in user:
        return user

    def plain(match: re.Match[str]) -> str:
        character = chr(int(match.group()[1:], 16))
        return character if _USER.fullmatch(character) else match.group().upper()

    return re.sub(_ESCAPED, plain, user)


def _value(text: str | None) -> bytes:
    return unquote_to_bytes(text or "").lower()


def _header_set(text: str) -> set[tuple[bytes, bytes]]:
    pairs = (item.partition("=") for item in text.split("&") if item)
    return {(unquote_to_bytes(n).lower(), unquote_to_bytes(v)) for n, _, v in pairs}
