"""XML bodies as trees of elements, read and written (presence, resource lists, dialog states).

A document type or an entity is refused before it is expanded, so neither can fetch a file nor
explode; depth and number of elements are bounded.
"""

import re
from collections.abc import Iterator, Mapping
from xml.parsers.expat import ExpatError, ParserCreate

import attrs

from mobility.sip.grammar import Malformed

MAX_DEPTH = 32
"""Elements within one another (our choice: no body in use goes half as deep)."""

MAX_ELEMENTS = 5_000
"""Elements of a document (our choice: a resource list of a thousand entries and more)."""

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 section 2.2 does not allow, even escaped."""

_ESCAPES = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "\t": "&#9;",
        "\n": "&#10;",
        "\r": "&#13;",
    }
)

_NONE: Mapping[str, str] = {}


@attrs.frozen(slots=True)
class Element:
    """One element: its namespace ("" for none) and local name.

    `attributes` are by local name; `text` is what stands in the element itself, without white space
    around it.
    """

    namespace: str
    name: str
    attributes: Mapping[str, str] = _NONE
    children: tuple["Element", ...] = ()
    text: str = ""

    def all(self, name: str, namespace: str | None = None) -> Iterator["Element"]:
        """The children of this name, of any namespace where none is given."""
        for child in self.children:
            if child.name == name and namespace in (None, child.namespace):
                yield child

    def first(self, name: str, namespace: str | None = None) -> "Element | None":
        """The first child of this name, or None."""
        return next(self.all(name, namespace), None)

    def words(self, name: str) -> str:
        """The text of the first child of this name that has one, "" without such."""
        return next((child.text for child in self.all(name) if child.text), "")

    def get(self, attribute: str, default: str = "") -> str:
        return self.attributes.get(attribute, default)


class _Open:
    """An element whose end has not come yet."""

    __slots__ = ("attributes", "children", "name", "namespace", "text")

    def __init__(self, namespace: str, name: str, attributes: dict[str, str]) -> None:
        self.namespace = namespace
        self.name = name
        self.attributes = attributes
        self.children: list[Element] = []
        self.text: list[str] = []

    def close(self) -> Element:
        text = "".join(self.text).strip(" \t\r\n")
        return Element(self.namespace, self.name, self.attributes, tuple(self.children), text)


class _Tree:
    """Collects elements while expat walks through the document."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[_Open] = []
        self._count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= MAX_DEPTH:
            raise Malformed(f"XML nested deeper than {MAX_DEPTH}")
        if self._count > MAX_ELEMENTS:
            raise Malformed(f"XML with more than {MAX_ELEMENTS} elements")
        namespace, _, name = tag.rpartition(" ")
        local = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        self._open.append(_Open(namespace, name, local))

    def text(self, data: str) -> None:
        self._open[-1].text.append(data)

    def end(self, tag: str) -> None:  # noqa: ARG002  # expat's
        element = self._open.pop().close()
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element

    def refuse(self, *_: object) -> None:
        raise Malformed("XML with a document type or an entity")


def parse_xml(body: bytes) -> Element:
    """The root element of a document.  Raises Malformed."""
    tree = _Tree()
    parser = ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.text
    parser.StartDoctypeDeclHandler = tree.refuse
    parser.EntityDeclHandler = tree.refuse
    try:
        parser.Parse(body, True)
    except (ExpatError, LookupError, UnicodeDecodeError) as error:
        raise Malformed(f"XML that is not well-formed ({error})") from None
    if tree.root is None:
        raise Malformed("XML without an element")
    return tree.root


def escaped(text: str) -> str:
    """Text as it stands in content and attributes; what XML cannot hold is replaced by U+FFFD."""
    return _FORBIDDEN.sub("\ufffd", text).translate(_ESCAPES)


def element(tag: str, attributes: Mapping[str, str] = _NONE, *content: str) -> str:
    """An element as text; `content` is XML already, the values of `attributes` are escaped here."""
    written = "".join(f' {name}="{escaped(value)}"' for name, value in attributes.items())
    inner = "".join(content)
    return f"<{tag}{written}>{inner}</{tag}>" if inner else f"<{tag}{written}/>"


def words(tag: str, text: str, attributes: Mapping[str, str] = _NONE) -> str:
    """An element that holds text."""
    return element(tag, attributes, escaped(text))


def document(root: str) -> bytes:
    """A whole document in UTF-8 of its root element as text."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{root}\n'.encode()
