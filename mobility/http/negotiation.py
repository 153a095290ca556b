"""From `Accept` and `Accept-Encoding` to the `Media` of an answer (RFC 9110 section 12.5).

JSON is the default, also for a client that asks for nothing we have (browsers ask for text/html).
The answer is in the spelling that was asked for; UCWA's versioning page spells the vendor type
without `.com`.
"""

from mobility.http.limits import NEGOTIATED
from mobility.http.message import Media

JSON = "application/json"
XML = "application/xml"

_SPELLINGS = {
    JSON: False,
    "application/vnd.microsoft.com.ucwa+json": False,
    "application/vnd.microsoft.ucwa+json": False,
    XML: True,
    "application/vnd.microsoft.com.ucwa+xml": True,
    "application/vnd.microsoft.ucwa+xml": True,
}
_WILDCARDS = frozenset({"*/*", "application/*"})
_LONGEST_REMEMBERED = 512

_remembered: dict[tuple[str, str], Media] = {}


def negotiate(accept: str, accept_encoding: str) -> Media:
    """The best of what the two header values allow; "" for an absent header."""
    key = (accept, accept_encoding)
    media = _remembered.get(key)
    if media is None:
        spelling = _best_type(accept)
        media = Media(spelling, _SPELLINGS[spelling], _accepts_gzip(accept_encoding))
        if len(accept) + len(accept_encoding) <= _LONGEST_REMEMBERED:
            if len(_remembered) >= NEGOTIATED:
                _remembered.clear()
            _remembered[key] = media
    return media


def content_type(media: Media) -> str:
    """The Content-Type of a document rendered for `media`."""
    return media.content_type + "; charset=utf-8"


def _best_type(accept: str) -> str:
    """The spelling with the highest quality, the first of equals; JSON when none is known."""
    best, best_quality = JSON, 0.0
    for element in accept.split(","):
        name, quality = _weighed(element)
        if name in _WILDCARDS:
            name = JSON
        if quality > best_quality and name in _SPELLINGS:
            best, best_quality = name, quality
    return best


def _accepts_gzip(accept_encoding: str) -> bool:
    qualities = dict(_weighed(element) for element in accept_encoding.split(","))
    return qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0))) > 0


def _weighed(element: str) -> tuple[str, float]:
    """An element's name in lower case and its quality; a quality that is none is 0."""
    name, *parameters = element.split(";")
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 0.0
            if not 0.0 <= quality <= 1.0:
                quality = 0.0
    return name.strip().lower(), quality
