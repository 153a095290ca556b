"""The federation format in SIP MESSAGE requests (RFC 3428), for the way through an Access Edge.

    front end -> sip:push@DOMAIN   a question: what is posted or asked over HTTPS
    clearing house -> its From     the answer, with the question's Call-ID in In-Reply-To

Both have the media type `MEDIA_TYPE`.  A success of MESSAGE has no body (RFC 3428 section 7), so
that answers are requests of their own; a 200 to a question only says that it is looked at.

    {"version": 1, "now": T, "notifications": [...]}   the results, as over HTTPS
    {"version": 1, "ask": "verdicts", "after": N, "stream": S, "wait": SECONDS,
     "reader": NAME}   a page
    {"version": 1, "ask": "health"}                    the health
    {"version": 1, "ask": "whereabouts", "ids": [...]}   where these pushes are

What HTTPS would answer with an error is `{"version": 1, "error": {"status": 429, "subcode": ...,
"retryAfterS": ...}}`.  A whole MESSAGE has at most 64 KiB, so batches and pages are smaller.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import msgspec

from mobility.push.wire import (
    KEY_CHARACTERS,
    MAX_WAIT_S,
    READER_CHARACTERS,
    REJECTED,
    VERSION,
    Health,
    Notification,
    ProviderHealth,
    Result,
    Verdict,
    VerdictPage,
    Whereabouts,
    WireFault,
)
from mobility.push.wire_json import (
    encode_health,
    encode_notification,
    encode_results,
    encode_verdicts,
    encode_whereabouts,
    read_ids,
    read_message,
    read_request,
)

MEDIA_TYPE = "application/vnd.mobility.push+json"
USER = "push"
"""The user part of the address of a clearing house."""

MESSAGE_BYTES = 56 * 1024
"""A body (our choice: SIP elements take 64 KiB with the header fields)."""

MESSAGE_ITEMS = 50
"""Notifications in one question (our choice: their results fit into one answer)."""

SHORT_REASON = 24
"""To what reasons are cut where results would be too long (our choice)."""


@attrs.frozen(slots=True)
class Batch:
    """Notifications to be taken; `now` is the sender's time of day, None if it did not say."""

    now: int | None
    items: Sequence[Notification | Result]


@attrs.frozen(slots=True)
class VerdictsWanted:
    """What was said after number `after` of `stream`; it may take `wait_s` until there is any."""

    after: int
    stream: str
    wait_s: int
    reader: str = ""


@attrs.frozen(slots=True)
class HealthWanted:
    """How the providers are."""


@attrs.frozen(slots=True)
class WhereaboutsWanted:
    """Where the pushes of these ids are."""

    ids: Sequence[str]


Question = Batch | VerdictsWanted | HealthWanted | WhereaboutsWanted


class Refused(Exception):
    """The answer to a question is an error: a status as of HTTP, and how long to wait."""

    def __init__(self, status: int, subcode: str = "", retry_after_s: int = 0) -> None:
        super().__init__(f"it answered {status}" + (f" {subcode}" if subcode else ""))
        self.status = status
        self.retry_after_s = retry_after_s


def fitting(notification: Notification) -> Notification | Result:
    """A notification that fits into a question: without its texts if need be, else a rejection."""
    if _most_bytes(notification) <= MESSAGE_BYTES - 64:
        return notification
    bare = attrs.evolve(notification, title="", body="")
    for one in (notification, bare):
        if len(encode_notification(one)) <= MESSAGE_BYTES - 64:
            return one
    return Result(notification.id, REJECTED, "malformed: it is too large for a SIP MESSAGE")


def _most_bytes(one: Notification) -> int:
    """More than its JSON can have: a character has six bytes at most."""
    device = one.device
    texts = (one.id, one.collapse_key, one.title, one.body, one.thread, one.trace)
    tokens = (device.app_id, device.token, device.voip_token, device.endpoint)
    keys = (device.p256dh, device.auth)
    return 512 + 6 * sum(map(len, (*texts, *tokens, *keys)))


def encode_verdicts_wanted(after: int, stream: str, reader: str = "") -> bytes:
    wanted = {"after": after, "stream": stream, "wait": int(MAX_WAIT_S)}
    named = {"reader": reader} if reader else {}
    return msgspec.json.encode({"version": VERSION, "ask": "verdicts", **wanted, **named})


def encode_health_wanted() -> bytes:
    return msgspec.json.encode({"version": VERSION, "ask": "health"})


def encode_whereabouts_wanted(ids: Sequence[str]) -> bytes:
    """At most MESSAGE_ITEMS."""
    return msgspec.json.encode({"version": VERSION, "ask": "whereabouts", "ids": ids})


def decode_question(body: bytes) -> Question:
    """Raises WireFault."""
    message = read_message(body, MESSAGE_BYTES)
    ask = message.get("ask")
    if ask is None:
        now, items = read_request(message)
        if len(items) > MESSAGE_ITEMS:
            raise WireFault("TooMany", f"notifications may hold {MESSAGE_ITEMS} at most.")
        return Batch(now, items)
    if ask == "health":
        return HealthWanted()
    if ask == "whereabouts":
        ids = read_ids(message)
        if len(ids) > MESSAGE_ITEMS:
            raise WireFault("TooMany", f"ids may hold {MESSAGE_ITEMS} at most.")
        return WhereaboutsWanted(ids)
    if ask != "verdicts":
        raise WireFault("Malformed", "ask must be verdicts, health or whereabouts.")
    return VerdictsWanted(
        _number(message, "after", 2**53),
        _short(message, "stream", KEY_CHARACTERS),
        _number(message, "wait", int(MAX_WAIT_S)),
        _short(message, "reader", READER_CHARACTERS),
    )


def encode_error(status: int, subcode: str = "", retry_after_s: int = 0) -> bytes:
    error: dict[str, Any] = {"status": status}
    if subcode:
        error["subcode"] = subcode
    if retry_after_s:
        error["retryAfterS"] = retry_after_s
    return msgspec.json.encode({"version": VERSION, "error": error})


def encode_results_within(results: Sequence[Result]) -> bytes:
    """Results in one answer; where they are too long it is what goes on after their reasons."""
    body = encode_results(results)
    if len(body) <= MESSAGE_BYTES:
        return body
    return encode_results(
        attrs.evolve(one, reason=one.reason.partition(":")[0][:SHORT_REASON]) for one in results
    )


def encode_verdicts_within(page: VerdictPage) -> bytes:
    """As many verdicts of a page as one answer holds: the next question asks for the others."""
    return encode_verdicts(VerdictPage(page.stream, tuple(_some(page.verdicts, _verdict_bytes))))


def encode_health_within(health: Health) -> bytes:
    """As many providers as one answer holds."""
    providers = tuple(_some(health.providers, _provider_bytes))
    return encode_health(Health(health.organisation, providers))


def encode_whereabouts_within(found: Sequence[Whereabouts]) -> bytes:
    """As many as one answer holds: MESSAGE_ITEMS of them do, however long they are written."""
    return encode_whereabouts(_some(found, _whereabouts_bytes))


def answered(body: bytes) -> bytes:
    """The body of an answer that is no error.  Raises Refused and WireFault."""
    error = read_message(body, MESSAGE_BYTES).get("error")
    if error is None:
        return body
    if not isinstance(error, dict):
        raise WireFault("Malformed", "error must be an object.")
    status: Any = error.get("status")
    wait_s: Any = error.get("retryAfterS", 0)
    subcode: Any = error.get("subcode", "")
    if (
        isinstance(status, int)
        and 400 <= status < 600
        and isinstance(wait_s, int)
        and isinstance(subcode, str)
        and len(subcode) <= KEY_CHARACTERS
        and subcode.isprintable()
    ):
        raise Refused(status, subcode, max(0, min(wait_s, 3_600)))
    raise WireFault("Malformed", "error cannot be read.")


def _some(records: Iterable[Any], size_of: Any) -> Iterable[Any]:
    left = MESSAGE_BYTES - 512
    for one in records:
        left -= size_of(one)
        if left < 0:
            return
        yield one


def _verdict_bytes(verdict: Verdict) -> int:
    return len(encode_verdicts(VerdictPage("", (verdict,))))


def _provider_bytes(provider: ProviderHealth) -> int:
    return len(encode_health(Health("", (provider,))))


def _whereabouts_bytes(one: Whereabouts) -> int:
    return len(encode_whereabouts((one,)))


def _short(message: dict[str, Any], name: str, most: int) -> str:
    value = message.get(name, "")
    if not isinstance(value, str) or len(value) > most:
        raise WireFault("Malformed", f"{name} must be a text of at most {most}.")
    return value


def _number(message: dict[str, Any], name: str, most: int) -> int:
    value = message.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise WireFault("Malformed", f"{name} must be a whole number from 0 to {most}.")
    return value
