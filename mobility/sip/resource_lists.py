"""Lists of resources that are watched together: RFC 4826 and RFC 5367 in, RFC 4662 out."""

from collections.abc import Sequence

import attrs

from mobility.sip.grammar import Malformed, quote
from mobility.sip.xml_elements import Element, document, element, parse_xml, words

LISTS_TYPE = "application/resource-lists+xml"
RLMI_TYPE = "application/rlmi+xml"
RELATED_TYPE = "multipart/related"

LISTS = "urn:ietf:params:xml:ns:resource-lists"
RLMI = "urn:ietf:params:xml:ns:rlmi"

MAX_ENTRIES = 500
"""Entries of a list that is sent to us (our choice)."""

Part = tuple[str, str, bytes]
"""Content-ID without brackets, Content-Type, body."""


def parse_list(body: bytes) -> list[str]:
    """The URIs of a resource list, each once, in order.  Raises Malformed."""
    root = parse_xml(body)
    if root.name != "resource-lists" or root.namespace != LISTS:
        raise Malformed("no resource list")
    uris: dict[str, None] = {}
    _collect(root, uris)
    return list(uris)


def _collect(parent: Element, uris: dict[str, None]) -> None:
    for child in parent.children:
        if child.name == "list":
            _collect(child, uris)
        elif child.name == "entry":
            uri = child.get("uri")
            if not uri:
                raise Malformed("an entry of a resource list without a URI")
            uris[uri] = None
            if len(uris) > MAX_ENTRIES:
                raise Malformed("a resource list with too many entries")


@attrs.frozen(slots=True)
class Resource:
    """One resource of a list, and the state of its (virtual) subscription.

    `content_id` names the part that has its state, "" where this notification brings none.
    """

    uri: str
    name: str = attrs.field(default="", repr=False)
    state: str = "active"
    content_id: str = ""
    reason: str = ""

    def __str__(self) -> str:
        content = [words("name", self.name)] if self.name else []
        attributes = {"id": "1", "state": self.state}
        if self.reason:
            attributes["reason"] = self.reason
        if self.content_id:
            attributes["cid"] = self.content_id
        content.append(element("instance", attributes))
        return element("resource", {"uri": self.uri}, *content)


def rlmi(uri: str, version: int, resources: Sequence[Resource], *, full: bool) -> bytes:
    """The list's own part (RFC 4662 section 5.2)."""
    attributes = {
        "xmlns": RLMI,
        "uri": uri,
        "version": str(version),
        "fullState": "true" if full else "false",
    }
    return document(element("list", attributes, *map(str, resources)))


def related(boundary: str, root: Part, parts: Sequence[Part]) -> tuple[str, bytes]:
    """Content-Type and body of a multipart/related whose first part is `root` (RFC 2387)."""
    body = bytearray()
    for content_id, kind, content in (root, *parts):
        body += (
            f"--{boundary}\r\nContent-Transfer-Encoding: binary\r\n"
            f"Content-ID: <{content_id}>\r\nContent-Type: {kind}\r\n\r\n"
        ).encode()
        body += content + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    kind = (
        f"{RELATED_TYPE};type={quote(root[1].partition(';')[0])};"
        f"start={quote(f'<{root[0]}>')};boundary={quote(boundary)}"
    )
    return kind, bytes(body)
