"""Bodies of the dialog event package (RFC 4235): which calls a user is in."""

from collections.abc import Sequence
from typing import Self

import attrs

from mobility.sip.grammar import Malformed
from mobility.sip.xml_elements import document, element, parse_xml, words

CONTENT_TYPE = "application/dialog-info+xml"
NAMESPACE = "urn:ietf:params:xml:ns:dialog-info"

STATES = ("trying", "proceeding", "early", "confirmed", "terminated")

MAX_DIALOGS = 64
"""Dialogs of a document that are read (our choice: no phone has as many lines)."""

MAX_ID = 256
"""Characters of an id (our choice)."""


@attrs.frozen(slots=True)
class DialogState:
    """One dialog: its id within the document and its state, of `STATES`.

    `direction` is "initiator", "recipient" or "" where it is not told.  `remote` is the URI of the
    other party and `remote_name` its name, "" where watchers are not to know.
    """

    id: str
    state: str
    direction: str = ""
    remote: str = attrs.field(default="", repr=False)
    remote_name: str = attrs.field(default="", repr=False)
    call_id: str = ""


@attrs.frozen(slots=True)
class DialogInfo:
    """A document about `entity`.  A partial one tells of some of its dialogs only."""

    entity: str
    version: int
    full: bool = True
    dialogs: Sequence[DialogState] = ()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a document.  Raises Malformed for what is none."""
        root = parse_xml(body)
        if root.name != "dialog-info" or root.namespace != NAMESPACE:
            raise Malformed("no dialog-info document")
        version, kind = root.get("version"), root.get("state", "full")
        if not (version.isascii() and version.isdigit() and len(version) <= 10):
            raise Malformed("a dialog-info document without a version")
        if kind not in ("full", "partial"):
            raise Malformed("a dialog-info document of a wrong state")
        dialogs: list[DialogState] = []
        for one in root.all("dialog"):
            state = one.words("state").lower()
            identity = one.get("id")
            if state not in STATES or not identity or len(identity) > MAX_ID:
                raise Malformed("a dialog without an id or a state")
            if len(dialogs) < MAX_DIALOGS:
                remote = one.first("remote")
                address = remote.first("identity") if remote is not None else None
                dialogs.append(
                    DialogState(
                        identity,
                        state,
                        one.get("direction"),
                        "" if address is None else address.text,
                        "" if address is None else address.get("display"),
                        one.get("call-id"),
                    )
                )
        return cls(root.get("entity"), int(version), kind == "full", tuple(dialogs))

    def __bytes__(self) -> bytes:
        attributes = {
            "xmlns": NAMESPACE,
            "version": str(self.version),
            "state": "full" if self.full else "partial",
            "entity": self.entity,
        }
        return document(element("dialog-info", attributes, *map(_written, self.dialogs)))


def _written(dialog: DialogState) -> str:
    content = [words("state", dialog.state)]
    if dialog.remote:
        display = {"display": dialog.remote_name} if dialog.remote_name else {}
        identity = words("identity", dialog.remote, display)
        target = element("target", {"uri": dialog.remote})
        content.append(element("remote", {}, identity, target))
    attributes = {"id": dialog.id}
    if dialog.call_id:
        attributes["call-id"] = dialog.call_id
    if dialog.direction:
        attributes["direction"] = dialog.direction
    return element("dialog", attributes, *content)
