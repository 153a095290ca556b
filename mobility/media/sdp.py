"""The Session Description Protocol (RFC 4566), the part that calls need.

`parse` reads a description into records and `serialise` writes one; what is between is kept as it
came, so that a description can be changed and passed on.  Nothing here does input or output, and
every size is bounded.
"""

import re
from collections.abc import Iterator

import attrs

MAX_BYTES = 32 * 1024
"""UTF-8 bytes of a description (our choice: audio and video with a hundred ICE candidates)."""

MAX_LINES = 1_000
MAX_LINE = 4 * 1024
"""Lines of a description, and characters of one (our choice)."""

MAX_MEDIA = 16
"""Media streams of a description (our choice: audio, video and their like, some of them ended)."""

_TOKEN = re.compile(r"[!#-'*+\-.0-9A-Z^-~]{1,64}")
"""RFC 4566 section 9, `token`; the length is ours."""

_PROTOCOL = re.compile(rf"{_TOKEN.pattern}(?:/{_TOKEN.pattern}){{0,4}}")
_NUMBER = re.compile(r"[0-9]{1,20}")
_PORT = re.compile(r"([0-9]{1,5})(?:/([0-9]{1,5}))?")

_SESSION_ORDER = "vosiuepcbtrzka"
_MEDIA_ORDER = "icbka"
"""The order of the lines (RFC 4566 section 5); `t` and `r` alternate."""


class SdpError(ValueError):
    """What is wrong with a description, in a few words for its sender; no part of it is quoted."""


@attrs.frozen(slots=True)
class Origin:
    """The `o=` line: who described the session, and which version this is."""

    username: str
    session_id: str
    version: str
    net_type: str
    address_type: str
    address: str


@attrs.frozen(slots=True)
class Connection:
    """A `c=` line."""

    net_type: str
    address_type: str
    address: str


@attrs.frozen(slots=True)
class Attribute:
    """An `a=` line: `a=name` or `a=name:value`; None is no value."""

    name: str
    value: str | None = None


@attrs.frozen(slots=True)
class Line:
    """A line that is kept as it came: one letter and its value."""

    letter: str
    value: str


@attrs.frozen(slots=True)
class Media:
    """One `m=` line and what belongs to it.

    `port` 0 is a stream that is rejected or ended; `lines` are its `i=`, `b=` and `k=` lines.
    """

    medium: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    port_count: int = 1
    connection: Connection | None = None
    lines: tuple[Line, ...] = ()
    attributes: tuple[Attribute, ...] = ()


@attrs.frozen(slots=True)
class Session:
    """A session description; `lines` are all lines of the session but `v`, `o`, `s`, `c`, `t`, `r`
    and `a`, `times` its `t=` and `r=` lines."""

    origin: Origin
    name: str = "-"
    connection: Connection | None = None
    lines: tuple[Line, ...] = ()
    times: tuple[Line, ...] = (Line("t", "0 0"),)
    attributes: tuple[Attribute, ...] = ()
    media: tuple[Media, ...] = ()


def parse(text: str) -> Session:
    """The description in `text`, whose lines end with CRLF or LF.  Raises SdpError."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise SdpError(f"is longer than {MAX_BYTES} bytes")
    lines = list(_lines(text))
    starts = [at for at, line in enumerate(lines) if line.letter == "m"]
    if len(starts) > MAX_MEDIA:
        raise SdpError(f"has more than {MAX_MEDIA} media streams")
    ends = [*starts[1:], len(lines)] if starts else []
    session = _session(lines[: starts[0]] if starts else lines)
    media = tuple(_media(lines[start:end]) for start, end in zip(starts, ends, strict=True))
    if any(one.port and not (one.connection or session.connection) for one in media):
        raise SdpError("has a media stream without a connection")
    return attrs.evolve(session, media=media)


def serialise(session: Session) -> str:
    """The description as text, its lines ended with CRLF."""
    origin = session.origin
    after_name = [line for line in session.lines if line.letter in "iuep"]
    later = [line for line in session.lines if line.letter not in "iuepb"]
    lines = [
        Line("v", "0"),
        Line("o", " ".join(attrs.astuple(origin))),
        Line("s", session.name),
        *after_name,
        *_written(session.connection),
        *(line for line in session.lines if line.letter == "b"),
        *session.times,
        *later,
        *(_attribute_line(one) for one in session.attributes),
    ]
    for media in session.media:
        count = f"/{media.port_count}" if media.port_count != 1 else ""
        described = f"{media.medium} {media.port}{count} {media.protocol}"
        lines.append(Line("m", " ".join((described, *media.formats))))
        lines += [line for line in media.lines if line.letter == "i"]
        lines += _written(media.connection)
        lines += [line for line in media.lines if line.letter != "i"]
        lines += [_attribute_line(one) for one in media.attributes]
    return "".join(f"{line.letter}={line.value}\r\n" for line in lines)


def attribute(attributes: tuple[Attribute, ...], name: str) -> str | None:
    """The value of the first attribute of this name ("" for one without a value), or None."""
    return next((one.value or "" for one in attributes if one.name == name), None)


def _lines(text: str) -> Iterator[Line]:
    parts = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(parts) > MAX_LINES:
        raise SdpError(f"has more than {MAX_LINES} lines")
    for part in parts:
        if len(part) > MAX_LINE:
            raise SdpError(f"has a line longer than {MAX_LINE} characters")
        if "\0" in part or "\r" in part:
            raise SdpError("has a control character")
        letter, equals, value = part[:1], part[1:2], part[2:]
        if equals != "=" or not letter.isascii() or not letter.islower():
            raise SdpError("has a line that is none of SDP")
        yield Line(letter, value)


def _in_order(lines: list[Line], order: str, *, repeated: str) -> None:
    """Raise unless the lines stand in `order`, those not in `repeated` at most once."""
    place = 0
    seen: set[str] = set()
    for line in lines:
        at = order.find(line.letter)
        if at < 0:
            raise SdpError("has a line of an unknown kind")
        if line.letter in "tr":
            at = order.find("t")
        if at < place:
            raise SdpError("has its lines in the wrong order")
        if line.letter in seen and line.letter not in repeated:
            raise SdpError("has a line twice that may stand once")
        seen.add(line.letter)
        place = at


def _session(lines: list[Line]) -> Session:
    _in_order(lines, _SESSION_ORDER, repeated="epbtra")
    if [line.letter for line in lines[:3]] != ["v", "o", "s"] or lines[0].value != "0":
        raise SdpError("does not begin with the lines v=0, o= and s=")
    times = tuple(line for line in lines if line.letter in "tr")
    if not times or times[0].letter != "t":
        raise SdpError("has no time")
    return Session(
        origin=_origin(lines[1].value),
        name=lines[2].value,
        connection=_connection(lines),
        lines=tuple(line for line in lines if line.letter in "iuepbzk"),
        times=times,
        attributes=tuple(_attribute(line.value) for line in lines if line.letter == "a"),
    )


def _media(lines: list[Line]) -> Media:
    _in_order(lines[1:], _MEDIA_ORDER, repeated="cba")
    medium, *rest = lines[0].value.split(" ")
    if len(rest) < 3 or not _TOKEN.fullmatch(medium):
        raise SdpError("has a media stream without medium, port, protocol and format")
    port = _PORT.fullmatch(rest[0])
    if port is None or int(port[1]) > 65535:
        raise SdpError("has a media stream with a wrong port")
    if not _PROTOCOL.fullmatch(rest[1]):
        raise SdpError("has a media stream with a wrong protocol")
    if not all(_TOKEN.fullmatch(one) for one in rest[2:]):
        raise SdpError("has a media stream with a wrong format")
    return Media(
        medium=medium,
        port=int(port[1]),
        protocol=rest[1],
        formats=tuple(rest[2:]),
        port_count=int(port[2] or 1),
        connection=_connection(lines),
        lines=tuple(line for line in lines if line.letter in "ibk"),
        attributes=tuple(_attribute(line.value) for line in lines if line.letter == "a"),
    )


def _origin(value: str) -> Origin:
    parts = value.split(" ")
    if len(parts) != 6 or not all(parts) or not all(map(_NUMBER.fullmatch, parts[1:3])):
        raise SdpError("has a wrong o= line")
    return Origin(*parts)


def _connection(lines: list[Line]) -> Connection | None:
    """The first `c=` line; there may be several where addresses are multicast."""
    for line in lines:
        if line.letter == "c":
            parts = line.value.split(" ")
            if len(parts) != 3 or not all(parts):
                raise SdpError("has a wrong c= line")
            return Connection(*parts)
    return None


def _attribute(value: str) -> Attribute:
    name, colon, rest = value.partition(":")
    if not _TOKEN.fullmatch(name):
        raise SdpError("has an attribute without a name")
    return Attribute(name, rest if colon else None)


def _attribute_line(one: Attribute) -> Line:
    return Line("a", one.name if one.value is None else f"{one.name}:{one.value}")


def _written(connection: Connection | None) -> list[Line]:
    if connection is None:
        return []
    return [Line("c", " ".join(attrs.astuple(connection)))]
