"""The documents of the history: one function a rel, pure, from domain values."""

from collections.abc import Callable

from mobility.domain.history import OUTGOING, Page, Recipient, Transcript, recipients_of
from mobility.domain.ledger import HistoryCounts
from mobility.domain.readership import unread as count_unread
from mobility.domain.records import ConversationLog
from mobility.domain.unread import UnreadState
from mobility.http.message import Document, Instant
from mobility.ucwa.conversation_documents import message_uri
from mobility.ucwa.documents import UNREAD_EXTENSION, link, links, listed, present
from mobility.ucwa.hrefs import Hrefs

CALL = "call"
"""What stands for the number of a transcript in the path of a call's."""

UNREAD_CONVERSATION = "mobility:unreadConversation"
"""The rel of what is embedded in our list of what is unread."""


def log_href(hrefs: Hrefs, log_id: str) -> str:
    return hrefs.of(f"communication/conversationLogs/{log_id}")


def conversation_logs(hrefs: Hrefs, found: list[str]) -> Document:
    """The list; `found` are the ids of logs."""
    return {
        "rel": "conversationLogs",
        "_links": {
            **links(self=hrefs.of("communication/conversationLogs")),
            "conversationLog": [link(log_href(hrefs, log_id)) for log_id in found],
        },
    }


Known = Callable[[str], bool]
"""Whether somebody of a URI is found among the people: no telephone, no guest, and nobody who has
been removed since."""


def conversation_log(
    hrefs: Hrefs, log: ConversationLog, preview: str, continues: tuple[str, ...], known: Known
) -> Document:
    """A past conversation; `continues` are the rels by which it can be taken up again."""
    own = log_href(hrefs, log.id)
    rels = ("conversationLogTranscripts", "markAsRead", *continues)
    return {
        "rel": "conversationLog",
        "creationTime": Instant(log.created_at),
        "direction": log.direction,
        "importance": log.importance,
        "modalities": listed(log.modalities),
        **present(onlineMeetingUri=log.meeting_uri, previewMessage=preview),
        "status": log.status,
        "subject": log.subject,
        "threadId": log.thread_id,
        "totalRecipientsCount": log.recipient_count,
        "type": log.type,
        "_links": links(self=own, **{rel: f"{own}/{rel}" for rel in rels}),
        "_embedded": {
            "conversationLogRecipient": [
                recipient(hrefs, log, one, known) for one in recipients_of(log) if one.uri
            ]
        },
    }


def recipient(hrefs: Hrefs, log: ConversationLog, other: Recipient, known: Known) -> Document:
    """Another party of a past conversation, with links to the contact it is, if it is one."""
    address = other.uri.partition(":")[2]
    rels = links(self=f"{log_href(hrefs, log.id)}/conversationLogRecipient/{address}")
    if known(other.uri):
        person = hrefs.person(other.uri)
        rels |= links(
            contact=person,
            contactPhoto=hrefs.photo(other.uri),
            contactPresence=f"{person}/presence",
        )
    return {
        "rel": "conversationLogRecipient",
        "displayName": other.name or address,
        "sipUri": other.uri,
        "_links": rels,
    }


def transcripts(
    hrefs: Hrefs,
    log: ConversationLog,
    page: Page,
    after: int | None,
    known: Known,
    *,
    html: bool,
) -> Document:
    """A page of transcripts; `after` is None for the first one, `html` as in `transcript`."""
    all_of_them = f"{log_href(hrefs, log.id)}/conversationLogTranscripts"
    further = f"{all_of_them}/nextConversationLogTranscripts?after="
    rels = links(self=all_of_them if after is None else f"{further}{after}")
    if page.more:
        rels |= links(nextConversationLogTranscripts=f"{further}{page.transcripts[-1].number}")
    first = after is None
    return {
        "rel": "conversationLogTranscripts" if first else "nextConversationLogTranscripts",
        "_links": rels,
        "_embedded": {
            "conversationLogTranscript": [
                transcript(hrefs, log, one, known, html=html) for one in page.transcripts
            ]
        },
    }


def transcript(
    hrefs: Hrefs, log: ConversationLog, shown: Transcript, known: Known, *, html: bool
) -> Document:
    """One entry with what it holds; the text as HTML if it has any and the application shows it
    (`html`)."""
    own = _transcript_href(hrefs, log, shown)
    author = _author(log, shown)
    rels = links(self=own)
    if author == log.user_uri:
        rels |= links(me=hrefs.of("me"))
    elif known(author):
        rels |= links(contact=hrefs.person(author))
    inner = transcript_content(hrefs, log, shown, html=html)
    return {
        "rel": "conversationLogTranscript",
        "timeStamp": Instant(shown.at),
        "_links": rels,
        "_embedded": {inner["rel"]: inner},
    }


def transcript_content(
    hrefs: Hrefs, log: ConversationLog, shown: Transcript, *, html: bool
) -> Document:
    """What an entry holds: a messageTranscript, an audioTranscript or an errorTranscript."""
    own = _transcript_href(hrefs, log, shown)
    if shown.call is not None:
        return {
            "rel": "audioTranscript",
            "duration": _duration(shown.call.duration_s),
            "status": shown.call.call_status,
            "_links": links(self=f"{own}/audioTranscript"),
        }
    if shown.message is None:
        return {
            "rel": "errorTranscript",
            "reason": "TranscriptionFailed",
            "_links": links(self=f"{own}/errorTranscript"),
        }
    as_html = html and shown.message.format == "Html"
    rels = links(self=f"{own}/messageTranscript")
    rels["htmlMessage" if as_html else "plainMessage"] = link(message_uri(shown.message, html=html))
    return {"rel": "messageTranscript", "_links": rels}


def missed_items(hrefs: Hrefs, counts: HistoryCounts) -> Document:
    return {
        "rel": "missedItems",
        "conversationLogsCount": counts.logs,
        "conversationLogsNotifications": "Enabled",
        "missedConversationsCount": counts.missed,
        "unreadMissedConversationsCount": counts.unread_missed,
        "unreadVoicemailsCount": counts.unread_voicemails,
        "voiceMailsCount": counts.voicemails,
        "_links": links(self=hrefs.of("communication/missedItems")),
    }


def unread(hrefs: Hrefs, user: str, state: UnreadState) -> Document:
    """Our list of what is not read yet: what goes on first, then the past, newest first."""
    going_on = [
        _unread_conversation(
            conversation.record.thread_id,
            count_unread(conversation, user),
            conversation=hrefs.conversation(conversation.id),
            message=hrefs.message(conversation.id, conversation.message_count),
        )
        for conversation in state.conversations
    ]
    past = [
        _unread_conversation(
            log.thread_id,
            log.last_message - log.read_message,
            conversationLog=log_href(hrefs, log.id),
        )
        for log in state.logs
    ]
    return {
        "rel": UNREAD_EXTENSION,
        "badge": state.badge,
        "unreadMissedConversationsCount": state.counts.unread_missed,
        "unreadVoicemailsCount": state.counts.unread_voicemails,
        "_links": links(self=hrefs.of("communication/unread")),
        "_embedded": {UNREAD_CONVERSATION: [*going_on, *past]},
    }


def _unread_conversation(thread_id: str, messages: int, **hrefs: str) -> Document:
    own = next(iter(hrefs.values()))
    return {
        "rel": UNREAD_CONVERSATION,
        "threadId": thread_id,
        "unreadMessagesCount": messages,
        "_links": links(self=own, **hrefs),
    }


def _transcript_href(hrefs: Hrefs, log: ConversationLog, shown: Transcript) -> str:
    name = CALL if shown.call is not None else str(shown.number)
    return f"{log_href(hrefs, log.id)}/conversationLogTranscripts/{name}"


def _author(log: ConversationLog, shown: Transcript) -> str:
    if shown.message is not None:
        return shown.message.from_uri
    if shown.call is None:
        return ""
    if log.direction == OUTGOING:
        return log.user_uri
    return next((one.uri for one in recipients_of(log)), "")


def _duration(seconds: float) -> str:
    """A TimeSpan as the server writes them: PT1H2M3S (ISO 8601)."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = f"{hours}H" * bool(hours) + f"{minutes}M" * bool(minutes)
    return f"PT{parts}{rest}S" if rest or not parts else f"PT{parts}"
