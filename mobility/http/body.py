"""The input of an operation: values of the body and the query, by name and type.

Names are matched without case, since clients mix them.  Getters remember what is wrong and go on;
`Fields.check` then lists every wrong parameter in one 400, as UCWA does.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, overload

import msgspec

from mobility.errors import Parameter, PeerFault, validation_failure
from mobility.http.charsets import codec_of, declared_charset
from mobility.http.data_link import DataText, parse_data_uri
from mobility.http.limits import (
    DATA_LINK_BYTES,
    JSON_DEPTH,
    LIST_ITEMS,
    MENDED_JSON_BYTES,
    TEXT_CHARACTERS,
)
from mobility.http.message import Request
from mobility.http.target import EMPTY
from mobility.http.xml_input import parse_xml_input

MAX_INSTANT = 64
"""Characters of a point in time."""

_JSON_TYPES = frozenset(
    {
        "",
        "application/json",
        "text/json",
        "application/vnd.microsoft.com.ucwa+json",
        "application/vnd.microsoft.ucwa+json",
    }
)
_XML_TYPES = frozenset(
    {
        "application/xml",
        "text/xml",
        "application/vnd.microsoft.com.ucwa+xml",
        "application/vnd.microsoft.ucwa+xml",
    }
)
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_STRING_OR_TRAILING_COMMA = re.compile(
    rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|(,)(?=[ \t\r\n]*[}\]])', re.DOTALL
)
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_DATE = re.compile(r"/Date\((-?[0-9]{1,15})(?:[+-][0-9]{4})?\)/")
_BOOLEANS = {"true": True, "false": False}

_decoder = msgspec.json.Decoder()


def fields(request: Request) -> "Fields":
    """The input of a request: body and query for POST and PUT, the query alone for others.

    An empty body has no values.  Raises `PeerFault`: 400 BadRequest/DeserializationFailure for a
    body that cannot be read or is no object, 415 for a media type that is neither JSON nor XML or
    a charset that is not read.
    """
    properties: Mapping[str, Any] = {}
    if request.method in _WITH_BODY and request.body:
        properties = _decoded(request.body, request.headers.get("content-type", ""))
    return Fields(properties, request.query)


def _decoded(body: bytes, content_type: str) -> Mapping[str, Any]:
    media_type, _, parameters = content_type.partition(";")
    media_type = media_type.strip().lower()
    codec = codec_of(declared_charset(parameters))
    if media_type in _JSON_TYPES and codec is not None:
        return _from_json(_in_utf_8(body, codec).removeprefix(_BYTE_ORDER_MARK))
    if media_type in _XML_TYPES:
        try:
            return parse_xml_input(body)
        except ValueError as error:
            raise _unreadable(str(error)) from None
    raise PeerFault(
        "UnsupportedMediaType", None, "The body is neither JSON in UTF-8 nor a UCWA XML input."
    )


def _in_utf_8(body: bytes, codec: str) -> bytes:
    if codec == "utf-8":
        return body
    try:
        return body.decode(codec).encode()
    except UnicodeError:
        raise _unreadable("is not in its charset") from None


def _from_json(body: bytes) -> Mapping[str, Any]:
    if not body.strip(b" \t\r\n"):
        return {}
    try:
        value = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        value = _mended(body, error)
    if not isinstance(value, dict):
        raise _unreadable("is no JSON object")
    if _depth_exceeds(value, JSON_DEPTH):
        raise _unreadable(f"is nested deeper than {JSON_DEPTH}")
    return value


def _mended(body: bytes, error: Exception) -> Any:
    """The value without trailing commas, or the error if these were not what is wrong."""
    if len(body) <= MENDED_JSON_BYTES and not isinstance(error, RecursionError):
        mended = _STRING_OR_TRAILING_COMMA.sub(lambda found: b"" if found[1] else found[0], body)
        if mended != body:
            try:
                return _decoder.decode(mended)
            except (msgspec.MsgspecError, UnicodeDecodeError) as second:
                error = second
    reason = "is nested too deep" if isinstance(error, RecursionError) else "is not JSON in UTF-8"
    raise _unreadable(reason) from None


def _depth_exceeds(value: Any, depth: int) -> bool:
    level: list[Any] = [value]
    while level:
        if depth == 0:
            return True
        depth -= 1
        level = [inner for outer in level for inner in _containers(outer)]
    return False


def _containers(value: Any) -> Iterator[Any]:
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield inner


def _unreadable(reason: str) -> PeerFault:
    return PeerFault("BadRequest", "DeserializationFailure", f"The body {reason}.")


class Fields:
    """The values of one request.

    A value comes from the body, or from the query if the body has none of that name.  A getter
    gives its empty value for what is absent or wrong; a JSON null counts as absent.  Call `check`
    before anything is done with the values.
    """

    def __init__(self, properties: Mapping[str, Any], query: Mapping[str, str] = EMPTY) -> None:
        self.properties = properties
        """The body's values under the names the client wrote."""
        self._values: dict[str, Any] = {**query}
        self._values.update((name.lower(), value) for name, value in properties.items())
        self._faults: list[Parameter] = []

    def __contains__(self, name: str) -> bool:
        """Whether there is a value, null not counting."""
        return self._values.get(name.lower()) is not None

    def check(self) -> None:
        """Raise 400 BadRequest/ParameterValidationFailure if anything was missing or wrong."""
        if self._faults:
            raise validation_failure(*self._faults)

    def fail(self, name: str, reason: str) -> None:
        """Remember that a value breaks a rule only the caller knows."""
        self._faults.append(Parameter(name, reason))

    def text(self, name: str, *, required: bool = False, max_length: int = TEXT_CHARACTERS) -> str:
        """A text of at most `max_length` characters, "" by default; required means not empty."""
        value = self._value(name)
        if isinstance(value, bool | int | float):
            value = msgspec.json.encode(value).decode()
        if value is None or value == "":
            if required:
                self.fail(name, "is required")
            return ""
        if not isinstance(value, str):
            self.fail(name, "must be a text")
        elif len(value) > max_length:
            self.fail(name, f"is longer than {max_length} characters")
        elif "\0" in value:
            self.fail(name, "holds a NUL character")
        else:
            return value
        return ""

    def choice(self, name: str, allowed: Sequence[str], *, required: bool = False) -> str | None:
        """One of `allowed`, matched without case and given as it stands there; else None."""
        text = self.text(name, required=required)
        if not text:
            return None
        canonical = _canonical(text, allowed)
        if canonical is None:
            self.fail(name, f"must be one of {', '.join(allowed)}")
        return canonical

    def choices(
        self, name: str, allowed: Sequence[str], *, required: bool = False
    ) -> tuple[str, ...]:
        """A list of some of `allowed`, each once, in the order they came."""
        chosen: dict[str, None] = {}
        for text in self.list_of_text(name, required=required):
            canonical = _canonical(text, allowed)
            if canonical is None:
                self.fail(name, f"must hold only {', '.join(allowed)}")
                return ()
            chosen[canonical] = None
        return tuple(chosen)

    @overload
    def integer(self, name: str, minimum: int, maximum: int, *, required: Literal[True]) -> int: ...
    @overload
    def integer(self, name: str, minimum: int, maximum: int) -> int | None: ...
    def integer(
        self, name: str, minimum: int, maximum: int, *, required: bool = False
    ) -> int | None:
        """A whole number from `minimum` to `maximum`, also written as text; else None (required:
        `minimum`)."""
        empty = minimum if required else None
        value = self._value(name)
        if value is None or value == "":
            if required:
                self.fail(name, "is required")
            return empty
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(name, "must be a whole number")
        elif not minimum <= value <= maximum:
            self.fail(name, f"must be from {minimum} to {maximum}")
        else:
            return value
        return empty

    def boolean(self, name: str) -> bool | None:
        """True or false, also written as text; else None."""
        value = self._value(name)
        if isinstance(value, str):
            value = _BOOLEANS.get(value.lower(), value) if value else None
        if value is None or isinstance(value, bool):
            return value
        self.fail(name, "must be true or false")
        return None

    def instant(self, name: str) -> float | None:
        """A point in time as epoch seconds, from `/Date(ms)/` or ISO 8601 (UTC unless it says
        otherwise); else None."""
        text = self.text(name, max_length=MAX_INSTANT)
        if not text:
            return None
        if written := _DATE.fullmatch(text):
            return int(written[1]) / 1000
        try:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            self.fail(name, "must be a date and time such as 2030-01-31T12:00:00Z")
            return None

    def list_of_text(
        self,
        name: str,
        *,
        required: bool = False,
        max_items: int = LIST_ITEMS,
        max_length: int = TEXT_CHARACTERS,
    ) -> tuple[str, ...]:
        """A list of texts, none of them empty; a single text counts as a list of one."""
        value = self._value(name)
        if isinstance(value, str):
            value = [value] if value else []
        if not value and (value is None or isinstance(value, list)):
            if required:
                self.fail(name, "is required")
            return ()
        if not isinstance(value, list):
            self.fail(name, "must be a list of texts")
        elif len(value) > max_items:
            self.fail(name, f"has more than {max_items} items")
        elif not all(isinstance(item, str) and item and "\0" not in item for item in value):
            self.fail(name, "must be a list of texts")
        elif any(len(item) > max_length for item in value):
            self.fail(name, f"holds an item longer than {max_length} characters")
        else:
            return tuple(value)
        return ()

    def data_link(
        self, rel: str, *, required: bool = False, max_bytes: int = DATA_LINK_BYTES
    ) -> DataText | None:
        """The content of the data link `rel` (or of a property of that name that holds one)."""
        uri = self._link(rel)
        if uri is None:
            if required:
                self.fail(rel, "is required")
            return None
        if not isinstance(uri, str):
            self.fail(rel, "is no data URI")
            return None
        try:
            return parse_data_uri(uri, max_bytes)
        except ValueError as error:
            self.fail(rel, str(error))
            return None

    def _link(self, rel: str) -> object:
        links = self._values.get("_links")
        if isinstance(links, dict):
            for name, link in links.items():
                if name.lower() == rel.lower():
                    return link.get("href") if isinstance(link, dict) else link
        return self._value(rel)

    def _value(self, name: str) -> Any:
        return self._values.get(name.lower())


def _canonical(text: str, allowed: Sequence[str]) -> str | None:
    folded = text.lower()
    return next((name for name in allowed if name.lower() == folded), None)
