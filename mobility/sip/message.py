"""SIP requests and responses: header fields kept as text, read when somebody asks.

A message knows its header fields by their canonical names, each with its values in order.  Names
that SIP does not know keep the spelling they came in.  Bytes that are no UTF-8 survive a round
trip (surrogate escapes).
"""

import re
from functools import lru_cache
from typing import Final

import attrs

from mobility.sip.grammar import Malformed, is_token, split_values
from mobility.sip.headers import CSeq, NameAddr, Via
from mobility.sip.reasons import REASONS
from mobility.sip.uri import CACHED, MAX_CACHED

VERSION: Final = "SIP/2.0"

MAX_HEADERS = 200
"""Header field lines of a message, folded ones each by itself (the bound that is asked for)."""

MAX_SALVAGED_BYTES = 8_192
"""Of a head that cannot be read, where an answer's header fields are looked for (our choice)."""

_LISTS = frozenset(
    {
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
        "Allow",
        "Allow-Events",
        "Contact",
        "Diversion",
        "History-Info",
        "In-Reply-To",
        "P-Asserted-Identity",
        "Path",
        "Privacy",
        "Proxy-Require",
        "Reason",
        "Record-Route",
        "Require",
        "Route",
        "Service-Route",
        "Supported",
        "Unsupported",
        "Via",
    }
)
"""Header fields whose lines may hold several values between commas (RFC 3261 section 7.3.1)."""

_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
}
"""RFC 3261 section 7.3.3 and the registry of compact forms."""

_KNOWN = (  # noqa: SIM905  # ten names a line, not one
    "Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events "
    "Authentication-Info Authorization Call-ID Call-Info Contact Content-Disposition "
    "Content-Encoding Content-Language Content-Length Content-Type CSeq Date Diversion Event "
    "Error-Info Expires Flow-Timer From History-Info In-Reply-To Max-Forwards MIME-Version "
    "Min-Expires Min-SE Organization P-Asserted-Identity Path Priority Privacy Proxy-Authenticate "
    "Proxy-Authorization Proxy-Require RAck Reason Record-Route Refer-Sub Refer-To Referred-By "
    "Reject-Contact Replaces Reply-To Request-Disposition Require Retry-After Route RSeq Server "
    "Service-Route Session-Expires SIP-ETag SIP-If-Match Subject Subscription-State Supported "
    "Timestamp To Unsupported User-Agent Via Warning WWW-Authenticate"
).split()

_NAMES: Final = {
    **{name: name for name in _KNOWN},
    **{name.lower(): name for name in _KNOWN},
    **_COMPACT,
    **{compact.upper(): name for compact, name in _COMPACT.items()},
}

_BLANK = " \t"
_BLANKS = (" ", "\t")
_FOLD = re.compile(r"(?<![ \t])[ \t]*\r\n[ \t]+")
_STATUS = re.compile(r"SIP/2\.0 ([1-6][0-9]{2}) ([^\r\n]*)", re.IGNORECASE)
_BARE_NUL = re.compile(r"(?<!\\)\0")
_CONTROL = re.compile(r"[\r\n\0]")
_VERSION = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE)

Fields = dict[str, list[str]]

_NOTHING: list[str] = []


class WrongVersion(Malformed):
    """A request of another version of SIP (505)."""


def canonical(name: str) -> str:
    """The canonical spelling of a header field's name."""
    return _NAMES.get(name) or _NAMES.get(name.lower()) or name


@attrs.define(slots=True, eq=False)
class Message:
    """What requests and responses have in common.

    The header fields that every message must have are read once.
    """

    fields: Fields = attrs.field(factory=dict, repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    _via: Via | None = attrs.field(default=None, init=False, repr=False)
    _cseq: CSeq | None = attrs.field(default=None, init=False, repr=False)
    _from: NameAddr | None = attrs.field(default=None, init=False, repr=False)
    _to: NameAddr | None = attrs.field(default=None, init=False, repr=False)

    def first(self, name: str) -> str | None:
        """The first line of a header field (canonical name), None without it."""
        lines = self.fields.get(name)
        return lines[0] if lines else None

    def values(self, name: str) -> list[str]:
        """All values of a header field, those of lists apart.  Raises Malformed."""
        lines = self.fields.get(name, [])
        if name not in _LISTS:
            return lines
        return [value for line in lines for value in split_values(line)]

    def set(self, name: str, *values: str) -> None:
        """These values and no others; without one the header field goes."""
        self._via = self._cseq = self._from = self._to = None
        if values:
            self.fields[name] = list(values)
        else:
            self.fields.pop(name, None)

    def add(self, name: str, value: str) -> None:
        """One more line of a header field that may have several.

        Messages that are made of one another share their lists, which are never changed in place.
        """
        self.fields[name] = [*self.fields.get(name, ()), value]

    def need(self, name: str) -> str:
        """The one line of a header field that must be there once.  Raises Malformed."""
        lines = self.fields.get(name)
        if lines is None or len(lines) != 1:
            raise Malformed(f"{len(lines or ())} {name} header fields where one must be")
        return lines[0]

    def addresses(self, name: str) -> list[NameAddr]:
        """Contact, Route, Record-Route and the like.  Raises Malformed."""
        return [NameAddr.parse(value) for value in self.values(name)]

    def tokens(self, name: str) -> frozenset[str]:
        """The values of Require, Supported, Allow and the like, in lower case."""
        return frozenset(value.lower() for value in self.values(name))

    @property
    def via(self) -> Via:
        """The topmost Via.  Raises Malformed."""
        via = self._via
        if via is None:
            line = self.first("Via")
            if line is None:
                raise Malformed("no Via")
            via = self._via = Via.parse(split_values(line)[0] if "," in line else line)
        return via

    @property
    def cseq(self) -> CSeq:
        """Raises Malformed."""
        cseq = self._cseq
        if cseq is None:
            cseq = self._cseq = CSeq.parse(self.need("CSeq"))
        return cseq

    @property
    def from_(self) -> NameAddr:
        """Raises Malformed."""
        from_ = self._from
        if from_ is None:
            from_ = self._from = NameAddr.parse(self.need("From"))
        return from_

    @property
    def to(self) -> NameAddr:
        """Raises Malformed."""
        to = self._to
        if to is None:
            to = self._to = NameAddr.parse(self.need("To"))
        return to

    @property
    def call_id(self) -> str:
        """Raises Malformed."""
        return self.need("Call-ID")

    def read(self) -> None:
        """Read what every message must have, all of it once but Via.  Raises Malformed."""
        fields = self.fields
        try:
            (from_,), (to,), (cseq,) = fields["From"], fields["To"], fields["CSeq"]
            (_,), via = fields["Call-ID"], fields["Via"]
        except (KeyError, ValueError):
            for name in _NEEDED:
                self.need(name)
            raise Malformed("no Via") from None
        self._from = NameAddr.parse(from_)
        self._to = NameAddr.parse(to)
        self._cseq = CSeq.parse(cseq)
        line = via[0]
        self._via = Via.parse(split_values(line)[0] if "," in line else line)

    def replace_via(self, via: Via) -> None:
        """Another topmost Via, with what the transport has found out."""
        lines = self.fields["Via"]
        others = split_values(lines[0])[1:] if "," in lines[0] else ()
        self.fields["Via"] = [str(via), *others, *lines[1:]]
        self._via = via

    def _bytes(self, start: str) -> bytes:
        lines = [start]
        for name, values in self.fields.items():
            if len(values) == 1:
                lines.append(f"{name}: {values[0]}")
            else:
                lines += [f"{name}: {value}" for value in values]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


_TAKEN_OVER = ("Via", "From", "To", "Call-ID", "CSeq")
"""What a response has of its request, once each but Via."""

_NEEDED = ("From", "To", "CSeq", "Call-ID")
"""What each message has once, and a Via."""


@attrs.define(slots=True, eq=False)
class Request(Message):
    """A request; `uri` is the Request-URI as text."""

    method: str = ""
    uri: str = ""

    def respond(self, status: int, to_tag: str = "", reason: str = "") -> "Response":
        """A response with what it must take over (RFC 3261 section 8.2.6.2).

        `to_tag` is put on a To that has no tag yet; the hop's own 100 has none.
        """
        fields = self.fields
        if self._via is None:  # what nobody has checked may lack some, or have them twice
            taken = {name: fields.get(name, _NOTHING)[:1] for name in _TAKEN_OVER}
            taken["Via"] = fields.get("Via", _NOTHING)
        else:
            taken = {
                "Via": fields["Via"],
                "From": fields["From"],
                "To": fields["To"],
                "Call-ID": fields["Call-ID"],
                "CSeq": fields["CSeq"],
            }
        to = taken["To"]
        if to_tag and to and not self._has_to_tag():
            taken["To"] = [f"{to[0]};tag={to_tag}"]
        if status < 300 and "Record-Route" in fields:
            taken["Record-Route"] = fields["Record-Route"]
        return Response(taken, b"", status, reason or REASONS.get(status, "Unknown"))

    def _has_to_tag(self) -> bool:
        to = self._to
        if to is None:
            try:
                to = self.to
            except Malformed:
                return False
        return bool(to.parameters.get("tag"))

    def renumber(self, number: int) -> None:
        """Another CSeq, as a request has that is sent again (RFC 3261 section 8.1.3.5)."""
        self._cseq = CSeq(number, self.method)
        self.fields["CSeq"] = [str(self._cseq)]

    def __bytes__(self) -> bytes:
        return self._bytes(f"{self.method} {self.uri} {VERSION}")


@attrs.define(slots=True, eq=False)
class Response(Message):
    """A response; `status` from 100 to 699."""

    status: int = 200
    reason: str = ""
    heard: bool = attrs.field(default=True, repr=False)
    """Whether somebody has sent it; one that was made here in place of an answer was not heard."""

    @property
    def is_final(self) -> bool:
        return self.status >= 200

    def __bytes__(self) -> bytes:
        return self._bytes(f"{VERSION} {self.status} {self.reason}")


def parse(head: bytes, body: bytes = b"") -> Request | Response:
    """A message from its head (without the empty line) and its body.

    Content-Length is the framing's business and not kept.  Raises Malformed, and WrongVersion for
    a request of another version.
    """
    text = head.decode("utf-8", "surrogateescape")
    start, *lines = pieces = text.split("\r\n")
    if len(lines) > MAX_HEADERS:
        raise Malformed("too many header fields")
    within = "".join(pieces)
    if "\n" in within or "\r" in within:
        raise Malformed("a bare CR or LF")
    if "\0" in text and _BARE_NUL.search(text):
        raise Malformed("a NUL")
    fields: Fields = {}
    values: list[str] = []
    for line in lines:
        name, colon, value = line.partition(":")
        known = _NAMES.get(name)
        if known is None or not colon:
            if values and line.startswith(_BLANKS):  # the value above goes on (section 7.3.1)
                values[-1] = f"{values[-1]} {line.strip(_BLANK)}".strip(_BLANK)
                continue
            known, value = _field(line)
        if known in fields:
            values = fields[known]
            values.append(value.strip(_BLANK))
        else:
            fields[known] = values = [value.strip(_BLANK)]
    fields.pop("Content-Length", None)
    known_start = _cached_start(start) if len(start) <= MAX_CACHED else _start(start)
    first, second = known_start
    if isinstance(first, int):
        return Response(fields, body, first, second)
    return Request(fields, body, first, second)


def salvage(head: bytes) -> Request | None:
    """A request that cannot be processed, as far as it takes to answer it.

    None for responses, and where there is no Via or CSeq, without which no client finds the
    request that is answered (RFC 3261 section 17.1.3).
    """
    text = head[:MAX_SALVAGED_BYTES].decode("utf-8", "surrogateescape")
    start, _, rest = text.partition("\r\n")
    if start.lstrip(" \t")[:4].upper() == "SIP/":
        return None
    fields: Fields = {}
    for line in _FOLD.sub(" ", rest).split("\r\n")[:MAX_HEADERS]:
        try:
            name, value = _field(line)
        except Malformed:
            continue
        if not _CONTROL.search(value):
            fields.setdefault(name, []).append(value.strip(_BLANK))
    if "Via" not in fields or "CSeq" not in fields:
        return None
    method = fields["CSeq"][0].rpartition(" ")[2]
    return Request(fields=fields, method=start.split(" ")[0] or method, uri="")


def _field(line: str) -> tuple[str, str]:
    """Canonical name and value of a header field line, blanks and all.  Raises Malformed."""
    name, colon, value = line.partition(":")
    name = name.rstrip(" \t")
    if not colon or not is_token(name):
        raise Malformed("a line that is no header field")
    return canonical(name), value


def _start(start: str) -> tuple[str | int, str]:
    """Method and Request-URI of a request, or status and reason of a response.

    Raises Malformed, and WrongVersion.
    """
    if start[:4].upper() == "SIP/":
        match = _STATUS.fullmatch(start)
        if match is None:
            raise Malformed("a wrong status line")
        return int(match.group(1)), match.group(2)
    words = start.split(" ")
    if len(words) != 3:
        raise Malformed("a request line that has not three words")
    method, uri, version = words
    if version.upper() != VERSION:
        if _VERSION.fullmatch(version) is None:
            raise Malformed("a request line without a version")
        raise WrongVersion(f"{version[:16]} is not spoken here")
    if not is_token(method) or not uri:
        raise Malformed("a wrong request line")
    return method, uri


_cached_start = lru_cache(CACHED)(_start)
