"""What a server shows, JSON and XML read into one model (UCWA "Key programming concepts").

Nothing here knows the catalogue: a `ShapeError` means that a document is no UCWA document at all.
"""

import json
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any
from xml.etree import ElementTree

import attrs

NAMESPACE = "http://schemas.microsoft.com/rtc/2012/03/ucwa"
EVENT_TYPES = frozenset({"added", "updated", "deleted", "started", "completed"})

MAX_BODY_BYTES = 4 * 1024 * 1024
"""The longest answer that is read (our choice)."""


class Form(Enum):
    """The two representations of UCWA; the value is the vendor's media type."""

    JSON = "application/vnd.microsoft.com.ucwa+json"
    XML = "application/vnd.microsoft.com.ucwa+xml"

    @property
    def plain(self) -> str:
        """The short media type."""
        return "application/json" if self is Form.JSON else "application/xml"


class ShapeError(ValueError):
    """A document does not have the form of one."""


@attrs.frozen
class Link:
    """A link; `attributes` are all but the href."""

    href: str
    attributes: Mapping[str, str]

    @property
    def is_data(self) -> bool:
        return self.href[:5].lower() == "data:"


@attrs.frozen
class Shown:
    """A resource as shown.

    Links and embedded resources stand in lists by their rel; `arrays` are those that JSON had as
    an array.  Values of properties are JSON's own, in XML text, lists of text and mappings.
    """

    form: Form
    rel: str
    properties: Mapping[str, Any]
    links: Mapping[str, tuple[Link, ...]]
    embedded: Mapping[str, tuple["Shown", ...]]
    arrays: frozenset[str] = frozenset()

    @property
    def href(self) -> str:
        """Where it is: the `self` link, "" without one."""
        own = self.links.get("self", ())
        return own[0].href if own else ""

    def text(self, name: str) -> str:
        """A property as XML writes it, "" without it."""
        value = self.properties.get(name, "")
        return str(value).lower() if isinstance(value, bool) else str(value)

    def resources(self) -> Iterator["Shown"]:
        """Itself, then everything embedded, at any depth."""
        yield self
        for several in self.embedded.values():
            for one in several:
                yield from one.resources()


@attrs.frozen
class Reason:
    """An error; `parameters` are the names of the wrong ones."""

    code: str
    subcode: str
    parameters: tuple[str, ...]


@attrs.frozen
class Told:
    """An event of the channel.  `shown` is what is embedded, by its key."""

    sender: str
    sender_href: str
    type: str
    rel: str
    href: str
    within: str
    status: str
    reason: Reason | None
    shown: Mapping[str, Shown]


@attrs.frozen
class Batch:
    """An answer of the event channel: its links by rel, and the events in order."""

    links: Mapping[str, str]
    events: tuple[Told, ...]


def read_resource(body: bytes, form: Form, default_rel: str = "") -> Shown:
    """A resource.  `default_rel` stands in for a rel that is not said."""
    if form is Form.JSON:
        return _json_resource(_json(body), default_rel)
    return _xml_resource(_xml(body, "resource"), default_rel)


def read_reason(body: bytes, form: Form) -> Reason:
    """The body of an error."""
    if form is Form.JSON:
        return _json_reason(_json(body))
    return _xml_reason(_xml(body, "reason"))


def read_events(body: bytes, form: Form) -> Batch:
    """An answer of the event channel."""
    return _json_events(_json(body)) if form is Form.JSON else _xml_events(_xml(body, "events"))


# -- JSON ---------------------------------------------------------------------------------------


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise ShapeError(f"is no JSON ({error})") from None
    return _object(document, "the document")


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ShapeError(f"{name} is no object")
    return value


def _string(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ShapeError(f"{name} is no string")
    return value


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _json_resource(document: dict[str, Any], default_rel: str = "") -> Shown:
    links = _object(document.get("_links", {}), "_links")
    embedded = _object(document.get("_embedded", {}), "_embedded")
    rel = _string(document.get("rel", default_rel), "rel")
    return Shown(
        Form.JSON,
        rel,
        {name: value for name, value in document.items() if name not in _FRAME},
        {
            name: tuple(_json_link(one, f"{rel}'s link {name}") for one in _several(value))
            for name, value in links.items()
        },
        {
            name: tuple(
                _json_resource(_object(one, f"{rel}'s embedded {name}")) for one in _several(value)
            )
            for name, value in embedded.items()
        },
        frozenset(
            name for part in (links, embedded) for name in part if isinstance(part[name], list)
        ),
    )


_FRAME = frozenset({"rel", "_links", "_embedded"})


def _json_link(value: Any, name: str) -> Link:
    attributes = _object(value, name)
    href = _string(attributes.get("href"), f"the href of {name}")
    others = {key: _string(text, f"{key} of {name}") for key, text in attributes.items()}
    return Link(href, {key: text for key, text in others.items() if key != "href"})


def _json_reason(document: dict[str, Any]) -> Reason:
    listed = document.get("parameters", [])
    if not isinstance(listed, list):
        raise ShapeError("parameters is no array")
    return Reason(
        _string(document.get("code"), "code"),
        _string(document.get("subcode", ""), "subcode"),
        tuple(_string(_object(one, "a parameter").get("name"), "a name") for one in listed),
    )


def _json_events(document: dict[str, Any]) -> Batch:
    links = _object(document.get("_links", {}), "_links")
    senders = _several(document.get("sender", []))
    return Batch(
        {rel: _json_link(link, rel).href for rel, link in links.items()},
        tuple(event for sender in senders for event in _json_sender(_object(sender, "sender"))),
    )


def _json_sender(sender: dict[str, Any]) -> Iterator[Told]:
    rel = _string(sender.get("rel"), "the rel of a sender")
    href = _string(sender.get("href"), "the href of a sender")
    for one in _several(sender.get("events", [])):
        event = _object(one, "an event")
        link = _object(event.get("link"), "the link of an event")
        within = _object(event["in"], "in") if "in" in event else {"rel": "", "href": ""}
        _string(within.get("href"), "the href of in")
        reason = event.get("reason")
        yield Told(
            rel,
            href,
            _string(event.get("type"), "the type of an event"),
            _string(link.get("rel"), "the rel of an event"),
            _string(link.get("href"), "the href of an event"),
            _string(within.get("rel"), "the rel of in"),
            _string(event.get("status", ""), "status"),
            None if reason is None else _json_reason(_object(reason, "reason")),
            {
                key: _json_resource(_object(shown, f"embedded {key}"))
                for key, shown in _object(event.get("_embedded", {}), "_embedded").items()
            },
        )


# -- XML ----------------------------------------------------------------------------------------


def _xml(body: bytes, root: str) -> ElementTree.Element:
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise ShapeError("has a document type")
    try:
        element = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise ShapeError(f"is no XML ({error})") from None
    if element.tag != f"{{{NAMESPACE}}}{root}":
        raise ShapeError(f"is a {element.tag}, not a {root} of the namespace")
    return element


def _parts(element: ElementTree.Element) -> Iterator[tuple[str, ElementTree.Element]]:
    """The elements in an element, by their local names."""
    for child in element:
        namespace, _, name = child.tag.rpartition("}")
        if namespace != f"{{{NAMESPACE}":
            raise ShapeError(f"{child.tag} is outside the namespace")
        yield name, child


def _attribute(element: ElementTree.Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise ShapeError(f"{element.tag.rpartition('}')[2]} has no {name}")
    return value


def _xml_resource(element: ElementTree.Element, default_rel: str = "") -> Shown:
    properties: dict[str, Any] = {}
    links: dict[str, list[Link]] = {}
    embedded: dict[str, list[Shown]] = {}
    if "href" in element.attrib:
        others = {k: v for k, v in element.attrib.items() if k not in ("rel", "href")}
        links["self"] = [Link(element.attrib["href"], others)]
    for name, part in _parts(element):
        if name == "link":
            rel = _attribute(part, "rel")
            if rel == "self":
                raise ShapeError("has a link element for self")
            others = {k: v for k, v in part.attrib.items() if k not in ("rel", "href")}
            links.setdefault(rel, []).append(Link(_attribute(part, "href"), others))
        elif name == "resource":
            embedded.setdefault(_attribute(part, "rel"), []).append(_xml_resource(part))
        else:
            key, value = _xml_property(name, part)
            if key in properties:
                raise ShapeError(f"has the property {key} twice")
            properties[key] = value
    rel = properties.pop("rel", element.get("rel", default_rel))
    return Shown(
        Form.XML,
        rel,
        properties,
        {rel: tuple(several) for rel, several in links.items()},
        {rel: tuple(several) for rel, several in embedded.items()},
    )


def _xml_property(kind: str, element: ElementTree.Element) -> tuple[str, Any]:
    name = _attribute(element, "name")
    if kind == "propertyList":
        return name, [_xml_value(item) for _, item in _parts(element)]
    if kind == "property":
        return name, _xml_value(element)
    raise ShapeError(f"has a {kind} element")


def _xml_value(element: ElementTree.Element) -> Any:
    inner = dict(_xml_property(kind, part) for kind, part in _parts(element))
    return inner or element.text or ""


def _xml_reason(element: ElementTree.Element) -> Reason:
    texts = {name: part.text or "" for name, part in _parts(element)}
    if "code" not in texts:
        raise ShapeError("a reason has no code")
    wrong = element.find(f"{{{NAMESPACE}}}parameters")
    names = () if wrong is None else tuple(_attribute(one, "name") for one in wrong)
    return Reason(texts["code"], texts.get("subcode", ""), names)


def _xml_events(element: ElementTree.Element) -> Batch:
    links = {"self": element.attrib["href"]} if "href" in element.attrib else {}
    events: list[Told] = []
    for name, part in _parts(element):
        if name == "link":
            links[_attribute(part, "rel")] = _attribute(part, "href")
        elif name == "sender":
            events += (_xml_event(part, kind, event) for kind, event in _parts(part))
        else:
            raise ShapeError(f"has a {name} among its senders")
    return Batch(links, tuple(events))


def _xml_event(sender: ElementTree.Element, kind: str, event: ElementTree.Element) -> Told:
    within, reason = "", None
    shown: dict[str, Shown] = {}
    rel = _attribute(event, "rel")
    for name, part in _parts(event):
        if name == "in":
            within = _attribute(part, "rel")
            _attribute(part, "href")
        elif name == "reason":
            reason = _xml_reason(part)
        elif name == "resource":
            shown[rel] = _xml_resource(part)
        else:
            raise ShapeError(f"an event has a {name}")
    return Told(
        _attribute(sender, "rel"),
        _attribute(sender, "href"),
        kind,
        rel,
        _attribute(event, "href"),
        within,
        event.get("status", ""),
        reason,
        shown,
    )
