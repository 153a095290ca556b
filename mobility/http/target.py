"""The request target: its path segments and query, percent-decoded (RFC 3986, RFC 9112 3.2)."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from mobility.http.errors import malformed
from mobility.http.limits import PATH_SEGMENTS, QUERY_FIELDS

EMPTY: Mapping[str, str] = MappingProxyType({})
"""No query, no headers: shared by all requests that have none."""

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def percent_decoded(text: str) -> str:
    """`text` with its `%XX` escapes decoded as UTF-8.

    Raises `ProtocolFault` (400) for an incomplete escape, invalid UTF-8 or a control character.
    """
    if "%" not in text:
        return text
    if _BAD_ESCAPE.search(text):
        raise malformed("The request target holds an incomplete percent escape.")
    try:
        decoded = unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise malformed("The request target is not UTF-8.") from None
    if _CONTROL.search(decoded):
        raise malformed("The request target holds a control character.")
    return decoded


def path_segments(path: str) -> list[str]:
    """The decoded segments of an absolute path, without the empty ones of doubled slashes.

    An escaped slash stays inside its segment.
    """
    segments = [segment for segment in path.split("/") if segment]
    if len(segments) > PATH_SEGMENTS:
        raise malformed(f"The path has more than {PATH_SEGMENTS} segments.")
    if "%" in path:
        return [percent_decoded(segment) for segment in segments]
    return segments


def query_fields(raw: str) -> Mapping[str, str]:
    """The parameters of a query: names in lower case, the last value of each; `+` is a space."""
    if not raw:
        return EMPTY
    pairs = raw.split("&")
    if len(pairs) > QUERY_FIELDS:
        raise malformed(f"The query has more than {QUERY_FIELDS} parameters.")
    fields: dict[str, str] = {}
    plain = "%" not in raw and "+" not in raw
    for pair in pairs:
        if pair:
            name, _, value = pair.partition("=")
            if not plain:
                name = percent_decoded(name.replace("+", " "))
                value = percent_decoded(value.replace("+", " "))
            fields[name.lower()] = value
    return fields
