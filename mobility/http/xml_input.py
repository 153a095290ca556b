"""Request bodies in XML (UCWA "Key programming concepts").

An `input` element, or the `resource` that a client got and sends back, holds `property` and
`propertyList` elements with a `name`, the latter with `item` elements, and `link` elements with
`rel` and `href`.  Embedded resources are passed over.

A document type or an entity is refused before it is expanded, so neither can fetch a file nor
explode.
"""

from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from mobility.http.limits import JSON_DEPTH

_VALUES = frozenset({"property", "item"})


class _Input:
    """Collects values while expat walks through the document."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.links: dict[str, Any] = {}
        self._depth = 0
        self._embedded_at = 0
        """The depth of the embedded resource that is passed over, 0 outside one."""
        self._text: list[str] = []
        self._name = ""
        self._items: list[str] | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > JSON_DEPTH:
            raise ValueError(f"is nested deeper than {JSON_DEPTH}")
        tag = tag.rpartition(":")[2]
        if tag == "resource" and self._depth > 1 and not self._embedded_at:
            self._embedded_at = self._depth
        if self._embedded_at:
            return
        self._text = []
        if tag in ("property", "propertyList"):
            self._name = attributes.get("name", "")
        if tag == "propertyList":
            self._items = []
        elif tag == "link":
            self.links[attributes.get("rel", "")] = {"href": attributes.get("href", "")}

    def text(self, data: str) -> None:
        if not self._embedded_at:
            self._text.append(data)

    def end(self, tag: str) -> None:
        embedded_at = self._embedded_at
        if embedded_at == self._depth:
            self._embedded_at = 0
        self._depth -= 1
        if embedded_at:
            return
        tag = tag.rpartition(":")[2]
        if tag == "propertyList":
            self.values[self._name] = self._items or []
            self._items = None
        elif tag in _VALUES:
            text = "".join(self._text)
            if self._items is not None:
                self._items.append(text)
            elif tag == "property":
                self.values[self._name] = text
        self._text = []

    def refuse(self, *_: object) -> None:
        raise ValueError("has a document type or an entity")


def parse_xml_input(body: bytes) -> dict[str, Any]:
    """The values of an `input` document in the shape a JSON body has; links under `_links`.

    Raises ValueError with a reason for the peer.
    """
    found = _Input()
    parser = ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = found.start
    parser.EndElementHandler = found.end
    parser.CharacterDataHandler = found.text
    parser.StartDoctypeDeclHandler = found.refuse
    parser.EntityDeclHandler = found.refuse
    try:
        parser.Parse(body, True)
    except (ExpatError, LookupError, UnicodeDecodeError) as error:
        raise ValueError(f"is not well-formed XML ({error})") from None
    return {**found.values, "_links": found.links}
