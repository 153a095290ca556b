"""UCWA area *history*: past conversations, their transcripts, missed items, and how to go on.

`continuation` is what the operations that take a past conversation up again begin with, whatever
the modality; `CONTINUES` names those that are offered.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import attrs

from mobility.domain.addresses import user_uri
from mobility.domain.call_policy import CallPolicy
from mobility.domain.history import Page, Transcript, recipients_of
from mobility.domain.messaging import Call as Invite
from mobility.domain.records import ConversationLog
from mobility.errors import Refusal
from mobility.http.body import fields
from mobility.http.message import Response
from mobility.ucwa import history_documents
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Operation, Resource
from mobility.ucwa.messaging import MAX_OPERATION_ID, first_text, invited
from mobility.ucwa.service import Ucwa

DEFAULT_LOGS = 100
"""Logs that are listed without `limit` (our choice)."""

MAX_LOGS = 1_000
"""The largest `limit` (our choice: what `history.per_user` is unless set)."""

PAGE_TRANSCRIPTS = 50
"""Transcripts on one page (our choice: at most 3 MB of text, mostly some kilobytes)."""

MAX_NUMBER = 999_999_999
"""The largest number of a message that is understood."""

CALLS = {
    "continueAudio": ("Audio",),
    "continueAudioVideo": ("Audio", "Video"),
    "continueVideo": ("Video",),
}
"""The rels that call the other party again, to the media they ask for."""


def _may_call(media: tuple[str, ...]) -> Callable[[CallPolicy], bool]:
    """Whether policy permits calls with these media."""

    def may(policy: CallPolicy) -> bool:
        return all(policy.allows(medium) for medium in media)

    return may


CONTINUES: dict[str, Callable[[CallPolicy], bool]] = {
    "continueMessaging": lambda _policy: True,
    "continuePhoneAudio": lambda policy: policy.phone,
    **{rel: _may_call(media) for rel, media in CALLS.items()},
}
"""The rels that take a conversation between two parties up again, and whether policy
permits it."""


@attrs.frozen(slots=True)
class Continuation:
    """What is taken over from a past conversation between two parties."""

    to_uri: str
    thread_id: str
    subject: str = attrs.field(repr=False)
    importance: str


def continuation_of(log: ConversationLog) -> Continuation | None:
    """What can go on; None after a conference, which is joined by its onlineMeetingUri, and with
    somebody who has no SIP address."""
    others = recipients_of(log)
    to_uri = user_uri(others[0].uri) if len(others) == 1 and not log.meeting_uri else None
    if to_uri is None or to_uri == log.user_uri:
        return None
    return Continuation(to_uri, log.thread_id, log.subject, log.importance)


async def continuation(ucwa: Ucwa, call: Call) -> Continuation:
    """What the past conversation of the path lets go on; 409 if nothing does."""
    found = continuation_of(await _log(ucwa, call))
    if found is None:
        raise Refusal("Conflict", None, "This conversation cannot be continued.")
    return found


async def get_logs(ucwa: Ucwa, call: Call) -> Response:
    query = fields(call.request)
    limit = query.integer("limit", 1, MAX_LOGS)
    query.check()
    found = await ucwa.history.logs(call.endpoint.user_uri, limit or DEFAULT_LOGS)
    document = history_documents.conversation_logs(call.hrefs, [log.id for log in found])
    return Response(document=document)


async def get_log(ucwa: Ucwa, call: Call) -> Response:
    log = await _log(ucwa, call)
    going_on = continuation_of(log)
    policy = ucwa.calls.policies.at(call.endpoint)
    continues = (
        tuple(rel for rel, may in CONTINUES.items() if may(policy)) if going_on is not None else ()
    )
    preview = await ucwa.history.preview(log)
    document = history_documents.conversation_log(call.hrefs, log, preview, continues, _known(ucwa))
    return Response(document=document)


async def delete_log(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.history.remove(call.endpoint.user_uri, call.parameter("log"))
    return Response(204)


async def mark_as_read(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.history.mark_read(call.endpoint.user_uri, call.parameter("log"))
    return Response(204)


def _known(ucwa: Ucwa) -> history_documents.Known:
    def known(uri: str) -> bool:
        canonical = user_uri(uri)
        return canonical is not None and ucwa.users.acquaintance(canonical) is not None

    return known


async def get_recipient(ucwa: Ucwa, call: Call) -> Response:
    log = await _log(ucwa, call)
    wanted = call.parameter("address").lower()
    for one in recipients_of(log):
        if one.uri.partition(":")[2].lower() == wanted:
            return Response(
                document=history_documents.recipient(call.hrefs, log, one, _known(ucwa))
            )
    raise Refusal("NotFound", "ResourceNotFound", "There is no such recipient.")


async def get_transcripts(ucwa: Ucwa, call: Call) -> Response:
    log = await _log(ucwa, call)
    page = await ucwa.history.transcripts(log, 0, PAGE_TRANSCRIPTS)
    return _page(ucwa, call, log, page, None)


async def get_next_transcripts(ucwa: Ucwa, call: Call) -> Response:
    query = fields(call.request)
    after = query.integer("after", 0, MAX_NUMBER, required=True)
    query.check()
    log = await _log(ucwa, call)
    if not log.after_message < after < log.last_message:
        raise Refusal("NotFound", "ResourceNotFound", "There are no more transcripts.")
    page = await ucwa.history.transcripts(log, after, PAGE_TRANSCRIPTS)
    return _page(ucwa, call, log, page, after)


async def get_transcript(ucwa: Ucwa, call: Call) -> Response:
    log, shown = await _transcript(ucwa, call)
    return Response(
        document=history_documents.transcript(
            call.hrefs, log, shown, _known(ucwa), html=call.endpoint.record.shows_html
        )
    )


def get_content(rel: str) -> Callable[[Ucwa, Call], Coroutine[Any, Any, Response]]:
    """A GET of what a transcript holds, if that is a `rel`."""

    async def get(ucwa: Ucwa, call: Call) -> Response:
        log, shown = await _transcript(ucwa, call)
        document = history_documents.transcript_content(
            call.hrefs, log, shown, html=call.endpoint.record.shows_html
        )
        if document["rel"] != rel:
            raise Refusal("NotFound", "ResourceNotFound", f"This transcript is no {rel}.")
        return Response(document=document)

    return get


async def get_missed_items(ucwa: Ucwa, call: Call) -> Response:
    counts = await ucwa.history.counts(call.endpoint.user_uri)
    return Response(document=history_documents.missed_items(call.hrefs, counts))


async def continue_messaging(ucwa: Ucwa, call: Call) -> Response:
    """An invitation to the other party, in the thread of the past conversation."""
    body = fields(call.request)
    operation_id = body.text("operationId", max_length=MAX_OPERATION_ID)
    text = first_text(ucwa, call, body)
    body.check()
    past = await continuation(ucwa, call)
    invite = Invite(past.to_uri, operation_id, past.subject, past.importance, past.thread_id, text)
    invitation = await ucwa.messaging.start(call.endpoint, invite, call.now, call.receipt)
    return invited(ucwa, call, invitation.id)


async def replay_message(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.unread.replay(call.endpoint)
    return Response(204)


def _page(ucwa: Ucwa, call: Call, log: ConversationLog, page: Page, after: int | None) -> Response:
    html = call.endpoint.record.shows_html
    document = history_documents.transcripts(call.hrefs, log, page, after, _known(ucwa), html=html)
    return Response(document=document)


async def _log(ucwa: Ucwa, call: Call) -> ConversationLog:
    return await ucwa.history.log(call.endpoint.user_uri, call.parameter("log"))


async def _transcript(ucwa: Ucwa, call: Call) -> tuple[ConversationLog, Transcript]:
    """The transcript of the path; 404 without such a one."""
    log = await _log(ucwa, call)
    name = call.parameter("transcript")
    number = int(name) if name.isascii() and name.isdigit() and len(name) <= 9 else 0
    if name == history_documents.CALL or log.after_message < number <= log.last_message:
        page = await ucwa.history.transcripts(log, max(number - 1, 0), 1)
        for shown in page.transcripts:
            wanted = shown.call is not None if not number else shown.number == number
            if wanted:
                return log, shown
    raise Refusal("NotFound", "ResourceNotFound", "There is no such transcript.")


_LOGS = "communication/conversationLogs"
_LOG = f"{_LOGS}/{{log}}"
_TRANSCRIPTS = f"{_LOG}/conversationLogTranscripts"
_TRANSCRIPT = f"{_TRANSCRIPTS}/{{transcript}}"

RESOURCES = (
    Resource("conversationLogs", _LOGS, (Operation("GET", get_logs, parameters=("limit",)),)),
    Resource(
        "conversationLog",
        _LOG,
        (Operation("GET", get_log), Operation("DELETE", delete_log, (204,))),
    ),
    Resource("markAsRead", f"{_LOG}/markAsRead", (Operation("POST", mark_as_read, (204,)),)),
    Resource(
        "conversationLogRecipient",
        f"{_LOG}/conversationLogRecipient/{{address}}",
        (Operation("GET", get_recipient),),
    ),
    Resource("conversationLogTranscripts", _TRANSCRIPTS, (Operation("GET", get_transcripts),)),
    Resource(
        "nextConversationLogTranscripts",
        f"{_TRANSCRIPTS}/nextConversationLogTranscripts",
        (Operation("GET", get_next_transcripts, parameters=("after",)),),
    ),
    Resource("conversationLogTranscript", _TRANSCRIPT, (Operation("GET", get_transcript),)),
    *(
        Resource(rel, f"{_TRANSCRIPT}/{rel}", (Operation("GET", get_content(rel)),))
        for rel in ("messageTranscript", "audioTranscript", "errorTranscript")
    ),
    Resource(
        "missedItems",
        "communication/missedItems",
        (Operation("GET", get_missed_items),),
        events=(Event("updated", "communication", Priority.HIGH),),
    ),
    Resource(
        "continueMessaging",
        f"{_LOG}/continueMessaging",
        (
            Operation(
                "POST",
                continue_messaging,
                (201,),
                refusals=(
                    ("Conflict", ""),
                    ("Conflict", "TooManyConversations"),
                    ("Conflict", "ThreadIdAlreadyExists"),
                ),
                parameters=("operationId", "message"),
                repeat=invited,
            ),
        ),
    ),
    Resource(
        "replayMessage",
        "communication/replayMessage",
        (Operation("POST", replay_message, (204,)),),
    ),
)
