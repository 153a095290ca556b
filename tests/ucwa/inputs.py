"""The documented input of operations: what their parameters take, and what they must refuse.

All of it comes from the types of the catalogue, so that an operation is covered once it is
declared.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import attrs

from mobility.http.xml_document import NAMESPACE
from mobility.ucwa.declaration import Operation, Resource
from mobility.ucwa.hrefs import data_uri
from tests.descriptions import sdp
from tests.ucwa.service import uri
from tests.ucwa.test_declaration import CATALOGUE, documented

ABSENT = None
"""In place of a value: the parameter is left out."""

LINK = "link (data: URI under _links)"
RAW = "raw body bytes"

LONGEST = 64 * 1024
"""Characters of the longest text that anything takes whose length is not documented."""

ENUMERATIONS: dict[str, list[str]] = CATALOGUE["enumerations"]

SENSIBLE: dict[str, Any] = {
    "availability": "Busy",
    "clientNetworkType": "Internal",
    "contactUri": uri("bob"),
    "contactUris": [uri("carol")],
    "displayName": "Friends",
    "duration": 10,
    "groupId": "default",
    "limit": 5,
    "mediaOffer": data_uri(sdp("audio", "video"), "application/sdp"),
    "operationId": "op",
    "query": "b",
    "reason": "Local",
    "signInAs": "Online",
    "smtpAddress": "lunch@example.test",
    "supportedModalities": ["Messaging"],
    "target": uri("bob"),
    "to": uri("bob"),
    "type": "RoamedParticipantData",
    "uris": [uri("bob")],
}
"""What an operation takes for parameters whose type alone does not say it."""


@attrs.frozen
class Parameter:
    """A documented parameter of an operation."""

    name: str
    type: str
    where: tuple[str, ...] = ()
    required: bool = False
    array: bool = False
    allowed: tuple[str, ...] = ()
    min: int | None = None
    max: int | None = None
    max_length: int | None = None

    @property
    def is_link(self) -> bool:
        return self.type == LINK

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of an enumeration, none for other types."""
        return self.allowed or tuple(ENUMERATIONS.get(self.type, ()))

    def sensible(self) -> Any:
        """A value that is right as far as its type tells, ABSENT if it does not."""
        if self.name in SENSIBLE and not (self.name == "target" and self.choices):
            return SENSIBLE[self.name]
        if self.choices:
            return [self.choices[0]] if self.array else self.choices[0]
        return {
            "Boolean": True,
            "Int32": self.min or 1,
            "TimeSpan": "PT5M",
            "DateTime": "2025-07-01T00:00:00Z",
            LINK: "data:text/plain,Hello",
        }.get(self.type)

    def wrong_texts(self) -> Iterator[str]:
        """Texts that are wrong in any format."""
        if self.choices:
            # the Kelvin sign, which folds to a letter of ASCII
            yield from ("NoSuchValue", "\u212a", "x" * 5_000)
        elif self.type == "Int32":
            yield from ("many", "1.5", "1e3", "0x10", "٣", "9" * 30)
            if self.min is not None and self.max is not None:
                yield from (str(self.min - 1), str(self.max + 1))
        elif self.type == "Boolean":
            yield from ("maybe", "1", "truee")
        elif self.type == "TimeSpan":
            yield from ("soon", "PT", "-PT5M", "P9999999999D")
        elif self.type == "DateTime":
            yield from ("tomorrow", "2025-13-01T00:00:00Z", "/Date(9999999999999999999)/")
        elif self.is_link:
            yield from (
                "http://example.test/",
                "data:text/plain",
                "data:text/plain;base64,%%%",
                "data:text/plain;charset=ebcdic,a",
                "data:text/plain,%ff",
                "data:,a",
            )
        elif self.type == "String":
            yield "x" * ((self.max_length or LONGEST) + 1)

    def wrong_values(self) -> Iterator[Any]:
        """Values that are wrong in JSON."""
        yield from self.wrong_texts()
        yield from ({"a": 1}, [["a"]])
        if self.array:
            yield from ([{}], [""], [1], ["a", None])
        elif self.type == "String":
            yield from (["a", "b"], "nul \0 character")
        elif self.type == "Int32":
            yield from (1.5, True, [1])
        elif self.type == "Boolean":
            yield from (1, 0.0, [True])
        elif self.is_link:
            yield from (1, True)
        else:
            yield from (1.5, True)


def parameters(resource: Resource, operation: Operation) -> Iterator[Parameter]:
    """The parameters of an operation that are both declared and documented, raw bodies left out."""
    page = documented(resource, operation)["parameters"]
    for name in operation.parameters:
        if name in page and page[name].get("type") != RAW:
            facts = page[name]
            yield Parameter(
                name,
                facts["type"],
                tuple(facts["in"]),
                facts.get("required", False),
                facts.get("array", False),
                tuple(facts.get("allowed", ())),
                facts.get("min"),
                facts.get("max"),
                facts.get("max_length"),
            )


def json_body(values: Mapping[Parameter, Any]) -> bytes:
    """A JSON body with these values, links among them."""
    body: dict[str, Any] = {p.name: value for p, value in values.items() if not p.is_link}
    links = {p.name: {"href": value} for p, value in values.items() if p.is_link}
    return json.dumps({**body, "_links": links} if links else body).encode()


def xml_body(values: Mapping[Parameter, Any]) -> bytes:
    """An XML body with these values, all of which are texts, numbers or lists of texts."""
    content = ""
    for parameter, value in values.items():
        name = quoteattr(parameter.name)
        if parameter.is_link:
            content += f"<link rel={name} href={quoteattr(value)} />"
        elif isinstance(value, list):
            items = "".join(f"<item>{escape(item)}</item>" for item in value)
            content += f"<propertyList name={name}>{items}</propertyList>"
        else:
            text = str(value).lower() if isinstance(value, bool) else escape(str(value))
            content += f"<property name={name}>{text}</property>"
    return f'<input xmlns="{NAMESPACE}">{content}</input>'.encode()


def query(values: Mapping[Parameter, Any]) -> str:
    """A query with these values, which are texts or numbers."""
    return "&".join(f"{p.name}={quote(str(value), safe='')}" for p, value in values.items())
