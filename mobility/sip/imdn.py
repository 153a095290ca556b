"""Notifications of what becomes of messages (IMDN, RFC 5438), and the envelopes (CPIM, RFC 3862)
that ask for them and bring them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import attrs

from mobility.domain.carriers import Disposition, Page, Wish
from mobility.domain.records import DispositionRequest
from mobility.sip.grammar import Malformed, storable
from mobility.sip.headers import NameAddr
from mobility.sip.xml_elements import Element, document, element, parse_xml, words

IMDN = "message/imdn+xml"

MAX_MESSAGE_ID = 128
"""Characters of an imdn.Message-ID (our choice; RFC 5438 has tokens of some 20)."""

MAX_TIME = 64
"""Characters of a DateTime (our choice; RFC 3339 has some 30)."""

MAX_RECIPIENT = 512
"""Characters of an Original-To (our choice: more than a URI and a name)."""

WISHES = "positive-delivery, negative-delivery, display"
"""What is asked for of messages from here."""

NAMESPACE = "urn:ietf:params:xml:ns:imdn"
HEADERS = "urn:ietf:params:imdn"
"""The namespace of the header fields in an envelope."""

_KINDS = {Disposition.DELIVERED: "delivery", Disposition.DISPLAYED: "display"}

_MEANINGS = {
    ("delivery-notification", "delivered"): Disposition.DELIVERED,
    ("delivery-notification", "failed"): Disposition.FAILED,
    ("display-notification", "displayed"): Disposition.DISPLAYED,
}
"""What a status of a notification means, by its element; any other (`forbidden`, `error`, and those
of servers between) leaves what is known as it is."""


@attrs.frozen(slots=True)
class Notice:
    """A notification of what became of a message; `disposition` is None for what says nothing that
    is told here."""

    message_id: str = ""
    disposition: Disposition | None = None


def wish_of(headers: Mapping[str, str], prefix: str) -> Wish | None:
    """What the sender of an envelope wishes to hear of its message, None for nothing.

    `prefix` is that of the header fields of RFC 5438, "" where the envelope has none.
    """
    message_id = headers.get(f"{prefix}Message-ID", "") if prefix else ""
    if not 0 < len(message_id) <= MAX_MESSAGE_ID or not storable(message_id):
        return None
    asked = headers.get(f"{prefix}Disposition-Notification", "")
    wanted = {part.partition(";")[0].strip().lower() for part in asked.split(",")}
    delivery, display = "positive-delivery" in wanted, "display" in wanted
    if not delivery and not display:
        return None
    sent_at = headers.get("DateTime", "")
    original_to = headers.get(f"{prefix}Original-To", "")
    original_to = original_to.rpartition("<")[2].partition(">")[0].strip()
    return Wish(
        message_id,
        sent_at if len(sent_at) <= MAX_TIME and storable(sent_at) else "",
        original_to if len(original_to) <= MAX_RECIPIENT and storable(original_to) else "",
        delivery,
        display,
    )


def notice_of(body: bytes) -> Notice:
    """What a notification says (RFC 5438 section 11).  Raises Malformed."""
    root = parse_xml(body)
    if root.name != "imdn":
        raise Malformed("no imdn where one must be")
    message_id = root.words("message-id")
    if not 0 < len(message_id) <= MAX_MESSAGE_ID:
        raise Malformed("a notification without the id of a message")
    for kind in root.children:
        disposition = _disposition(kind)
        if disposition is not None:
            return Notice(message_id, disposition)
    return Notice(message_id)


def _disposition(kind: Element) -> Disposition | None:
    status = kind.first("status")
    for said in status.children if status is not None else ():
        if (kind.name, said.name) in _MEANINGS:
            return _MEANINGS[kind.name, said.name]
    return None


def notification(
    request: DispositionRequest, disposition: Disposition, notice_id: str, now: float
) -> bytes:
    """An envelope with what its sender wishes to hear of a message; it asks for no notification of
    its own (RFC 5438 section 7.2.1)."""
    kind = _KINDS[disposition]
    original = request.original_to
    notice = document(
        element(
            "imdn",
            {"xmlns": NAMESPACE},
            words("message-id", request.message_id),
            words("datetime", request.sent_at or date_time(now)),
            words("recipient-uri", request.to_uri),
            words("original-recipient-uri", original) if original else "",
            element(f"{kind}-notification", {}, element("status", {}, element(disposition.value))),
        )
    )
    headers = (
        f"From: <{request.to_uri}>",
        f"To: <{request.from_uri}>",
        f"NS: imdn <{HEADERS}>",
        f"imdn.Message-ID: {notice_id}",
        f"DateTime: {date_time(now)}",
    )
    return _enveloped(
        headers, (f"Content-Type: {IMDN}", "Content-Disposition: notification"), notice
    )


def asking(page: Page, from_: NameAddr, to: NameAddr, kind: str, text: str) -> bytes:
    """An envelope with a message whose sender wishes to hear what becomes of it."""
    headers = (
        f"From: {from_}",
        f"To: {to}",
        f"NS: imdn <{HEADERS}>",
        f"imdn.Message-ID: {page.id}",
        f"DateTime: {date_time(page.sent_at)}",
        f"imdn.Disposition-Notification: {WISHES}",
    )
    return _enveloped(headers, (f"Content-Type: {kind};charset=UTF-8",), text.encode())


def date_time(time_s: float) -> str:
    """A time as RFC 3339 writes it."""
    at = datetime.fromtimestamp(time_s, UTC).isoformat(timespec="seconds")
    return at.replace("+00:00", "Z")


def _enveloped(headers: tuple[str, ...], fields: tuple[str, ...], body: bytes) -> bytes:
    """RFC 3862 section 2; the MIME fields in the envelope end with the length."""
    lines = (*headers, "", *fields, f"Content-Length: {len(body)}", "")
    return "".join(f"{line}\r\n" for line in lines).encode() + body
