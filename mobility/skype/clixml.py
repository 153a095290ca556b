"""CLIXML: objects as PowerShell's `Export-Clixml` writes them ([MS-PSRP] 2.2.5).

An `Obj` has type names (`TN`, or `TNRef` to those of an earlier object), its text (`ToString`),
what it holds (a primitive, `LST`, `IE`, `QUE`, `STK` or `DCT`) and its properties (`Props`, and
`MS` for those that were added).  `Ref` is an object that was written before.  A file comes from
elsewhere: document types and entities are refused before they are expanded, and every size is
bounded.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

import attrs

MAX_BYTES = 64 * 1024 * 1024
"""The largest file (our choice: some 20,000 users of Get-CsUser)."""

MAX_ELEMENTS = 2_000_000
MAX_DEPTH = 64
MAX_NAMES = 64
"""Type names of one object."""

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DECLARATION = re.compile(r"\s*<\?xml[^>]{0,200}\?>")
_SETS = frozenset({"LST", "IE", "QUE", "STK"})
_INTEGERS = frozenset({"By", "SB", "U16", "I16", "U32", "I32", "U64", "I64"})


class NoClixml(Exception):
    """The file is none; the text says why, with the line."""


@attrs.define(slots=True, eq=False)
class PSObject:
    """One object: `value` is what it holds beside its properties, None for nothing.

    `properties` are by their names as written; `type_names` go from the type to its bases.
    """

    type_names: tuple[str, ...] = ()
    text: str = ""
    value: Any = None
    properties: dict[str, Any] = attrs.Factory(dict)

    @property
    def type_name(self) -> str:
        """The name of the type, without what PowerShell says of how it came here."""
        name = self.type_names[0] if self.type_names else ""
        return name.removeprefix("Deserialized.").partition("#")[0]

    def __repr__(self) -> str:
        return f"PSObject({self.type_name!r})"


@attrs.define(slots=True)
class _Element:
    tag: str
    attributes: dict[str, str]
    line: int
    children: list["_Element"] = attrs.Factory(list)
    text: list[str] = attrs.Factory(list)


def read_clixml(data: bytes) -> list[Any]:
    """The values of a file, in order: PSObject, str, int, bool, list, dict or None.

    Raises NoClixml.
    """
    root = _parsed(_decoded(data))
    if root.tag != "Objs":
        raise NoClixml(f"1: is no CLIXML: it begins with {root.tag[:40]!r}, not Objs")
    reader = _Reader()
    try:
        return [reader.value(child) for child in root.children]
    except RecursionError as error:  # bounded by MAX_DEPTH; for an interpreter with a smaller stack
        raise NoClixml("1: is nested too deeply") from error


def unescaped(text: str) -> str:
    """`text` without the `_xHHHH_` escapes of UTF-16 code units; pairs of surrogates are one
    character, and a lone one is U+FFFD."""
    if "_x" not in text:
        return text
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _decoded(data: bytes) -> str:
    """The text of a file: Windows PowerShell writes UTF-16, later ones UTF-8."""
    if len(data) > MAX_BYTES:
        raise NoClixml(f"1: is larger than {MAX_BYTES} bytes")
    encoding = "utf-8-sig"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif data[:4] == b"<\0O\0":
        encoding = "utf-16-le"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise NoClixml(f"1: is no {encoding} text: {error.reason}") from error
    return _DECLARATION.sub("", text, count=1)


def _parsed(text: str) -> _Element:
    root = _Element("", {}, 0)
    stack = [root]
    count = 0
    parser = ParserCreate("UTF-8")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MAX_ELEMENTS:
            raise NoClixml(f"{parser.CurrentLineNumber}: has more than {MAX_ELEMENTS} elements")
        if len(stack) > MAX_DEPTH:
            raise NoClixml(f"{parser.CurrentLineNumber}: is nested deeper than {MAX_DEPTH}")
        element = _Element(tag.rpartition(":")[2], attributes, parser.CurrentLineNumber)
        stack[-1].children.append(element)
        stack.append(element)

    def refuse(*_: object) -> None:
        raise NoClixml(f"{parser.CurrentLineNumber}: has a document type or an entity")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop()
    parser.CharacterDataHandler = lambda data: stack[-1].text.append(data)
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.buffer_text = True
    try:
        parser.Parse(text.encode("utf-8", "surrogatepass"), True)
    except ExpatError as error:
        raise NoClixml(f"{error.lineno}: is no XML: {error}") from error
    return root.children[0]


class _Reader:
    """Turns elements into values; objects and type names are known by their numbers."""

    def __init__(self) -> None:
        self._objects: dict[str, PSObject] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._readers: dict[str, Callable[[_Element], Any]] = {
            "Obj": self._object,
            "Ref": self._reference,
            "Nil": lambda _: None,
            "B": lambda element: _text(element).strip().lower() == "true",
            "C": _character,
            "DCT": self._dictionary,
            **dict.fromkeys(_SETS, self._set),
            **dict.fromkeys(_INTEGERS, _integer),
        }

    def value(self, element: _Element) -> Any:
        reader = self._readers.get(element.tag)
        if reader is not None:
            return reader(element)
        # Whatever else holds a value holds it as text; what nobody knows is read so, too.
        return unescaped(_text(element))

    def _object(self, element: _Element) -> PSObject:
        made = PSObject()
        if "RefId" in element.attributes:
            self._objects[element.attributes["RefId"]] = made
        for child in element.children:
            if child.tag == "TN":
                names = tuple(_text(one) for one in child.children[:MAX_NAMES] if one.tag == "T")
                made.type_names = self._names[child.attributes.get("RefId", "")] = names
            elif child.tag == "TNRef":
                made.type_names = self._names.get(child.attributes.get("RefId", ""), ())
            elif child.tag == "ToString":
                made.text = unescaped(_text(child))
            elif child.tag in ("Props", "MS"):
                made.properties.update(self._members(child))
            else:
                made.value = self.value(child)
        return made

    def _members(self, element: _Element) -> Iterator[tuple[str, Any]]:
        for child in element.children:
            if "N" in child.attributes:
                yield unescaped(child.attributes["N"]), self.value(child)

    def _reference(self, element: _Element) -> PSObject:
        found = self._objects.get(element.attributes.get("RefId", ""))
        if found is None:
            raise NoClixml(f"{element.line}: refers to an object that has not been written")
        return found

    def _set(self, element: _Element) -> list[Any]:
        return [self.value(child) for child in element.children]

    def _dictionary(self, element: _Element) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for entry in element.children:
            members = dict(self._members(entry))
            if entry.tag != "En" or "Key" not in members:
                raise NoClixml(f"{entry.line}: is no entry of a dictionary")
            found[plain(members["Key"])] = members.get("Value")
        return found


def _text(element: _Element) -> str:
    return "".join(element.text)


def _integer(element: _Element) -> int:
    text = _text(element).strip()
    if not re.fullmatch(r"-?[0-9]{1,20}", text):
        raise NoClixml(f"{element.line}: {text[:40]!r} is no number")
    return int(text)


def _character(element: _Element) -> str:
    code = _integer(element)
    if not 0 <= code < 0x10000:
        raise NoClixml(f"{element.line}: {code} is no character")
    return chr(code) if not 0xD800 <= code < 0xE000 else "\ufffd"


def plain(value: Any) -> str:
    """A value as text: of an object what it holds or how it shows itself."""
    if isinstance(value, PSObject):
        held = value.value
        return value.text or ("" if held is None or isinstance(held, list | dict) else str(held))
    return "" if value is None else str(value)


def listed(value: Any) -> list[Any]:
    """A value as a list: of an object the list that it holds."""
    if isinstance(value, PSObject):
        value = value.value
    if isinstance(value, list):
        return value
    return [] if value is None else [value]
