"""Documents as XML (UCWA "Event channel details", "Errors and informational messages").

Three root elements: `resource` for a document with a `rel`, `reason` for an error, and `events` for
the event channel.  `self` is the `href` of its element and never a link.  Values whose shape XML
has no word for (a property that is an object) become a nested `property` list of the same names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from mobility.http.message import Document, Instant

NAMESPACE = "http://schemas.microsoft.com/rtc/2012/03/ucwa"

_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 section 2.2 does not allow, even escaped."""
_REPLACEMENT = "\ufffd"
_LAYOUT = {"\t": "&#9;", "\n": "&#10;", "\r": "&#13;", '"': "&quot;"}
_FRAME = frozenset({"rel", "_links", "_embedded"})
"""What of a document is not among its properties."""
_EVENT_TYPES = frozenset({"added", "updated", "deleted", "started", "completed"})


def xml_document(document: Document) -> bytes:
    """The whole XML document in UTF-8.

    A character XML cannot hold is replaced by U+FFFD.  Raises TypeError for a value that is not
    text, number, boolean, None, `Instant`, list or dict.
    """
    if "rel" in document:
        content = _resource(document, document["rel"], xmlns=NAMESPACE)
    elif "code" in document:
        content = _reason(document, xmlns=NAMESPACE)
    else:
        content = _events(document)
    return (_DECLARATION + "".join(content)).encode("utf-8")


def _element(name: str, attributes: Mapping[str, object], content: str = "") -> str:
    written = "".join(
        f' {key}="{xml_text(value)}"' for key, value in attributes.items() if value is not None
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written} />"


def xml_text(value: object) -> str:
    """A value as it stands in an attribute; errors as of `xml_document`."""
    return escape(_FORBIDDEN.sub(_REPLACEMENT, _text(value)), _LAYOUT)


def _content(value: object) -> str:
    return escape(_FORBIDDEN.sub(_REPLACEMENT, _text(value)), {"\r": "&#13;"})


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Instant):
        moment = datetime.fromtimestamp(round(value.epoch_s, 3), UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise TypeError(f"a document cannot hold {type(value).__name__}")


def _resource(resource: Mapping[str, Any], rel: str, **attributes: str) -> Iterator[str]:
    """A `resource` element; `rel` is what it is embedded as.

    A resource of another rel says its own as a property, as a `participant` does that is embedded
    as `acceptedByParticipant`.
    """
    links = resource.get("_links", {})
    own = links.get("self", {})
    skip = _FRAME if resource.get("rel", rel) == rel else _FRAME - {"rel"}
    yield _element(
        "resource",
        {
            "rel": rel,
            "href": own.get("href"),
            "revision": own.get("revision"),
            **attributes,
        },
        "".join(
            (
                *_links(links),
                *_properties(resource, skip),
                *_embedded(resource.get("_embedded", {})),
            )
        ),
    )


def _links(links: Mapping[str, Any]) -> Iterator[str]:
    for rel, link in links.items():
        if rel != "self":
            for one in link if isinstance(link, Sequence) else (link,):
                yield _element("link", {"rel": rel, **one})


def _embedded(embedded: Mapping[str, Any]) -> Iterator[str]:
    for rel, resource in embedded.items():
        for one in resource if isinstance(resource, Sequence) else (resource,):
            yield from _resource(one, rel)


def _properties(values: Mapping[str, Any], skip: frozenset[str] = frozenset()) -> Iterator[str]:
    for name, value in values.items():
        if name in skip or value is None:
            continue
        if isinstance(value, Mapping):
            yield _element("property", {"name": name}, "".join(_properties(value)))
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield _element("propertyList", {"name": name}, "".join(map(_item, value)))
        else:
            yield _element("property", {"name": name}, _content(value))


def _item(value: Any) -> str:
    if isinstance(value, Mapping):
        return _element("item", {}, "".join(_properties(value)))
    return _element("item", {}, _content(value))


def _events(document: Document) -> Iterator[str]:
    links = document.get("_links", {})
    href = links.get("self", {}).get("href")
    senders = (
        _element(
            "sender",
            {"rel": sender["rel"], "href": sender["href"]},
            "".join(map(_event, sender["events"])),
        )
        for sender in document.get("sender", ())
    )
    yield _element(
        "events", {"href": href, "xmlns": NAMESPACE}, "".join((*_links(links), *senders))
    )


def _event(event: Mapping[str, Any]) -> str:
    """`<updated rel href>` with the embedded resource, the collection it is `in` and the reason."""
    kind = event["type"]
    if kind not in _EVENT_TYPES:
        raise ValueError(f"{kind!r} is no type of event")
    content: list[str] = []
    if "in" in event:
        content.append(_element("in", event["in"]))
    if "reason" in event:
        content.extend(_reason(event["reason"]))
    content.extend(_embedded(event.get("_embedded", {})))
    return _element(kind, {**event["link"], "status": event.get("status")}, "".join(content))


def _reason(reason: Mapping[str, Any], **attributes: str) -> Iterator[str]:
    content: list[str] = []
    for name in ("code", "subcode", "message"):
        if name in reason:
            content.append(_element(name, {}, _content(reason[name])))
    if "debugInfo" in reason:
        content.append(_element("debugInfo", {}, "".join(_properties(reason["debugInfo"]))))
    if "parameters" in reason:
        wrong = {one["name"]: one["reason"] for one in reason["parameters"]}
        content.append(_element("parameters", {}, "".join(_properties(wrong))))
    yield _element("reason", attributes, "".join(content))
