"""UCWA area *messaging*: invitations, messages and who is typing."""

from mobility.domain.addresses import user_uri
from mobility.domain.conference import messaging_fact
from mobility.domain.conversation import CALL, PARTICIPANT, ActiveConversation
from mobility.domain.conversation_facts import invitation_fact
from mobility.domain.html_message import read_html
from mobility.domain.message_facts import message_fact
from mobility.domain.messaging import Call as Invite
from mobility.domain.messaging import Text
from mobility.domain.outcomes import declined
from mobility.domain.readership import shown
from mobility.domain.records import Leg, Message
from mobility.errors import Parameter, PeerFault, Refusal, validation_failure
from mobility.http.body import Fields, fields
from mobility.http.charsets import codec_of, declared_charset
from mobility.http.message import Response
from mobility.ucwa import call_documents, conversation_documents, documents
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Operation, Resource
from mobility.ucwa.hrefs import data_uri
from mobility.ucwa.service import Ucwa

MAX_OPERATION_ID = 50
MAX_SUBJECT = 250
MAX_THREAD_ID = 250
"""Characters of operationId, subject and threadId (UCWA rel `startMessaging`; the server's own
threadIds have 32)."""

MAX_MESSAGE_BYTES = 64 * 1024
"""UTF-8 bytes of one message (our choice: as much as a SIP message may have in all)."""

MAX_CUSTOM_CONTENT_BYTES = 4 * 1024
"""UTF-8 bytes of an invitation's customContent (our choice: what fits beside a message)."""

MAX_MESSAGES = 100
"""Messages that `messages` links to, the latest ones (our choice)."""

IMPORTANCE = ("Normal", "Urgent", "Emergency")

DECLINE_REASONS = (
    "CodecMismatch",
    "EncryptionMismatch",
    "Global",
    "InsufficientBandwidth",
    "InsufficientBandwidthRerouteOverPstn",
    "InvalidMediaOffer",
    "IPv6NotSupported",
    "Local",
    "MediaAllocationFailure",
    "MediaConnectivityFailure",
    "Unknown",
    "UnsupportedMedia",
)
"""CallDeclineReason; Global declines on every device, any other on this one."""

DECLINED_AS = {
    "CodecMismatch": "MediaNegotiationFailure",
    "EncryptionMismatch": "MediaEncryptionMismatch",
    "InsufficientBandwidth": "InsufficientBandwidth",
    "InsufficientBandwidthRerouteOverPstn": "InsufficientBandwidth",
    "InvalidMediaOffer": "InvalidMediaDescription",
    "IPv6NotSupported": "IPv6NotSupported",
    "MediaAllocationFailure": "MediaFailure",
    "MediaConnectivityFailure": "MediaFailure",
    "UnsupportedMedia": "ModalityNotSupported",
}
"""Reasons of the media, to the subcode that the caller is told."""


async def start_messaging(ucwa: Ucwa, call: Call) -> Response:
    body = fields(call.request)
    to = body.text("to", required=True, max_length=330)
    operation_id = body.text("operationId", max_length=MAX_OPERATION_ID)
    subject = body.text("subject", max_length=MAX_SUBJECT)
    importance = body.choice("importance", IMPORTANCE) or "Normal"
    thread_id = body.text("threadId", max_length=MAX_THREAD_ID)
    text = first_text(ucwa, call, body)
    custom = body.data_link("customContent", max_bytes=MAX_CUSTOM_CONTENT_BYTES)
    body.check()
    to_uri = user_uri(to)
    if to_uri is None or to_uri == call.endpoint.user_uri:
        raise validation_failure(Parameter("to", "must be the SIP URI of another person"))
    content = data_uri(custom.text, custom.content_type) if custom is not None else ""
    invite = Invite(to_uri, operation_id, subject, importance, thread_id, text, content)
    invitation = await ucwa.messaging.start(call.endpoint, invite, call.now, call.receipt)
    return invited(ucwa, call, invitation.id)


def invited(ucwa: Ucwa, call: Call, invitation_id: str) -> Response:  # noqa: ARG001  # a Repeat
    return Response(201, headers=[("Location", call.hrefs.invitation(invitation_id))])


def get_invitation(ucwa: Ucwa, call: Call) -> Response:
    conversation, invitation, leg = ucwa.conversations.find_invitation(
        call.endpoint, call.parameter("invitation")
    )
    name_of = ucwa.conversations.names_in(conversation)
    fact = invitation_fact(conversation, invitation, leg, "updated", name_of)
    first = conversation.first_message if invitation.message_number else None
    html = call.endpoint.record.shows_html
    policy = ucwa.calls.policies.at(call.endpoint)
    network_of = ucwa.network_of(call.endpoint)
    document = call_documents.invitation(
        call.hrefs, fact, first, network_of, html=html, policy=policy
    )
    return Response(document=document)


async def accept(ucwa: Ucwa, call: Call) -> Response:
    """Answer an invitation of any kind that can be answered without media."""
    invitation_id = call.parameter("invitation")
    _, invitation, _ = ucwa.conversations.find_invitation(call.endpoint, invitation_id)
    if invitation.kind == PARTICIPANT:
        await ucwa.conferences.accept(call.endpoint, invitation_id, call.now)
    elif invitation.kind == CALL:
        raise Refusal("Conflict", None, "A call is accepted with an answer to its offer.")
    else:
        await ucwa.messaging.accept(call.endpoint, invitation_id)
    return Response(204)


async def decline(ucwa: Ucwa, call: Call) -> Response:
    body = fields(call.request)
    reason = body.choice("reason", DECLINE_REASONS)
    body.check()
    await ucwa.conversations.decline(
        call.endpoint,
        call.parameter("invitation"),
        everywhere=reason == "Global",
        now=call.now,
        outcome=declined(DECLINED_AS.get(reason or "", "Declined")),
    )
    return Response(204)


def get_messaging(ucwa: Ucwa, call: Call) -> Response:
    conversation, leg = _conversation(ucwa, call)
    shown = messaging_fact(conversation, leg)
    return Response(document=conversation_documents.messaging(call.hrefs, shown))


async def send_message(ucwa: Ucwa, call: Call) -> Response:
    """The text is the body; operationId or OperationContext names it in the query.

    Posted to a message it is an answer to that one: deployed bots reply to what they are told of.
    """
    if "number" in call.request.path_parameters:
        await get_message(ucwa, call)
    query = Fields({}, call.request.query)
    name = "operationId" if "operationId" in query else "OperationContext"
    operation_id = query.text(name, max_length=MAX_OPERATION_ID)
    query.check()
    message = await ucwa.messaging.send(
        call.endpoint,
        call.parameter("conversation"),
        _body_text(ucwa, call),
        operation_id,
        call.now,
        call.receipt,
    )
    return sent(ucwa, call, str(message.number))


def sent(ucwa: Ucwa, call: Call, number: str) -> Response:  # noqa: ARG001  # a Repeat
    href = call.hrefs.message(call.parameter("conversation"), number)
    return Response(201, headers=[("Location", href)])


async def get_message(ucwa: Ucwa, call: Call) -> Response:
    conversation, leg = _conversation(ucwa, call)
    number = call.parameter("number")
    message: Message | None = None
    if number.isascii() and number.isdigit() and len(number) <= 9:
        message = await ucwa.archive.message(conversation.id, int(number))
    if message is None or message.number <= shown(conversation, leg.user_uri)[0]:
        raise Refusal("NotFound", "ResourceNotFound", "There is no such message.")
    direction = "Outgoing" if message.from_uri == leg.user_uri else "Incoming"
    fact = message_fact(message, direction, ucwa.conversations.names_in(conversation))
    html = call.endpoint.record.shows_html
    document = conversation_documents.message(call.hrefs, fact, message, html=html)
    if direction == "Outgoing":
        state = await ucwa.message_states.of(conversation, message)
        document.update(documents.present(**{documents.DELIVERY_EXTENSION: state}))
    return Response(document=document)


def get_messages(ucwa: Ucwa, call: Call) -> Response:
    """The latest messages that the application's user may read, as links."""
    conversation, leg = _conversation(ucwa, call)
    last = conversation.message_count
    first = max(shown(conversation, leg.user_uri)[0], last - MAX_MESSAGES) + 1
    own = f"{call.hrefs.messaging(conversation.id)}/messages"
    numbers = range(first, last + 1)
    links = [documents.link(call.hrefs.message(conversation.id, number)) for number in numbers]
    return Response(
        document={"rel": "messages", "_links": {**documents.links(self=own), "message": links}}
    )


async def add_messaging(ucwa: Ucwa, call: Call) -> Response:
    body = fields(call.request)
    operation_id = body.text("operationId", max_length=MAX_OPERATION_ID)
    text = first_text(ucwa, call, body)
    body.check()
    conversation_id = call.parameter("conversation")
    invitation = await ucwa.messaging.add(
        call.endpoint, conversation_id, operation_id, call.now, call.receipt
    )
    if text is not None:
        await ucwa.messaging.send(call.endpoint, conversation_id, text, "", call.now)
    return invited(ucwa, call, invitation.id)


async def set_is_typing(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.messaging.set_typing(call.endpoint, call.parameter("conversation"), call.now)
    return Response(204)


def get_typing(ucwa: Ucwa, call: Call) -> Response:
    conversation, leg = _conversation(ucwa, call)
    own = f"{call.hrefs.messaging(conversation.id)}/typingParticipants"
    typing = [
        documents.link(
            call.hrefs.participant(conversation.id, other.user_uri),
            ucwa.conversations.names_in(conversation)(other.user_uri),
        )
        for other in conversation.hearers(leg)
        if other.application_id in conversation.typing
    ]
    return Response(
        document={
            "rel": "typingParticipants",
            "_links": {**documents.links(self=own), "participant": typing},
        }
    )


async def terminate(ucwa: Ucwa, call: Call) -> Response:
    """cancel and stopMessaging share one path (UCWA "Send an IM" steps 4 and 13)."""
    await ucwa.messaging.stop(call.endpoint, call.parameter("conversation"), call.now)
    return Response(204)


async def cancel(ucwa: Ucwa, call: Call) -> Response:
    """Give up an invitation of any kind."""
    await ucwa.conversations.cancel(call.endpoint, call.parameter("invitation"), call.now)
    return Response(204)


def _conversation(ucwa: Ucwa, call: Call) -> tuple[ActiveConversation, Leg]:
    return ucwa.conversations.find(call.endpoint, call.parameter("conversation"))


def first_text(ucwa: Ucwa, call: Call, body: Fields) -> Text | None:
    """The message an invitation carries: a data: URI in `_links`."""
    linked = body.data_link("message", max_bytes=MAX_MESSAGE_BYTES)
    if linked is None:
        return None
    if linked.content_type == "text/html" and _allows_html(ucwa, call):
        return _html(linked.text)
    if linked.content_type != "text/plain":
        body.fail("message", "must be text/plain")
    return Text("Plain", linked.text)


def _allows_html(ucwa: Ucwa, call: Call) -> bool:
    return ucwa.messaging.formats.allows_html(call.endpoint.user_uri)


def _html(text: str) -> Text:
    """An HTML message, sanitised; 400 for one that says nothing."""
    message = read_html(text)
    if not message.plain:
        raise validation_failure(Parameter("message", "must say something"))
    return Text("Html", message.html, message.plain)


def _body_text(ucwa: Ucwa, call: Call) -> Text:
    """The body of sendMessage: a text, not empty (UCWA rel `sendMessage`).

    It is text/plain, or text/html where policy allows that (UCWA policies `htmlMessaging`), in
    UTF-8 unless its media type says otherwise.
    """
    request = call.request
    media_type, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    html = media_type.strip() == "text/html" and _allows_html(ucwa, call)
    if not html and media_type.strip() not in ("", "text/plain"):
        raise PeerFault("UnsupportedMediaType", None, "A message must be text/plain.")
    codec = codec_of(declared_charset(parameters))
    if codec is None:
        raise PeerFault("UnsupportedMediaType", None, "A message must be in UTF-8.")
    try:
        text = request.body.decode(codec)
    except UnicodeError:
        reason = "The body is not in its charset."
        raise PeerFault("BadRequest", "DeserializationFailure", reason) from None
    if not text or "\0" in text:
        raise validation_failure(Parameter("message", "must be a text and not empty"))
    return _html(text) if html else Text("Plain", text)


_INVITATION = "communication/messagingInvitations/{invitation}"
_REFERENCE_INVITATION = "communication/invitations/{invitation}"
_OTHER_INVITATIONS = (
    "communication/onlineMeetingInvitations/{invitation}",
    "communication/participantInvitations/{invitation}",
    "communication/phoneAudioInvitations/{invitation}",
    "communication/audioVideoInvitations/{invitation}",
    _REFERENCE_INVITATION,
)
_MESSAGING = "communication/conversations/{conversation}/messaging"

RESOURCES = (
    Resource(
        "startMessaging",
        "communication/messagingInvitations",
        (
            Operation(
                "POST",
                start_messaging,
                (201,),
                refusals=(
                    ("Conflict", "TooManyConversations"),
                    ("Conflict", "ThreadIdAlreadyExists"),
                ),
                parameters=(
                    "operationId",
                    "to",
                    "importance",
                    "subject",
                    "threadId",
                    "message",
                    "customContent",
                ),
                repeat=invited,
            ),
        ),
        revision=2,
        aliases=("communication/startMessaging",),
    ),
    Resource(
        "messagingInvitation",
        _INVITATION,
        (Operation("GET", get_invitation),),
        events=tuple(
            Event(kind, "communication", Priority.HIGH)
            for kind in ("started", "updated", "completed")
        ),
        aliases=(_REFERENCE_INVITATION,),
    ),
    Resource(
        "accept",
        f"{_INVITATION}/accept",
        (Operation("POST", accept, (204,), parameters=("sessionContext",)),),
        aliases=tuple(f"{path}/accept" for path in _OTHER_INVITATIONS),
    ),
    Resource(
        "decline",
        f"{_INVITATION}/decline",
        (Operation("POST", decline, (204,), parameters=("reason", "sessionContext")),),
        aliases=tuple(f"{path}/decline" for path in _OTHER_INVITATIONS),
    ),
    Resource(
        "cancel",
        f"{_INVITATION}/cancel",
        (Operation("POST", cancel, (204,)),),
        aliases=tuple(f"{path}/cancel" for path in _OTHER_INVITATIONS),
    ),
    Resource(
        "messaging",
        _MESSAGING,
        (Operation("GET", get_messaging),),
        events=(Event("updated", "conversation", Priority.HIGH),),
    ),
    Resource(
        "sendMessage",
        f"{_MESSAGING}/messages",
        (
            Operation(
                "POST",
                send_message,
                (201,),
                parameters=("operationId", "OperationContext"),
                repeat=sent,
                max_body_bytes=MAX_MESSAGE_BYTES,
            ),
        ),
        aliases=(f"{_MESSAGING}/sendMessage", f"{_MESSAGING}/messages/{{number}}"),
    ),
    Resource(
        "messages",
        f"{_MESSAGING}/messages",
        (Operation("GET", get_messages),),
    ),
    Resource(
        "addMessaging",
        f"{_MESSAGING}/addMessaging",
        (
            Operation(
                "POST",
                add_messaging,
                (201,),
                refusals=(("Conflict", ""),),
                parameters=("operationId", "message"),
                repeat=invited,
            ),
        ),
    ),
    Resource(
        "message",
        f"{_MESSAGING}/messages/{{number}}",
        (Operation("GET", get_message),),
        events=(Event("completed", "conversation", Priority.HIGH),),
    ),
    Resource(
        "setIsTyping",
        f"{_MESSAGING}/typing",
        (Operation("POST", set_is_typing, (204,)),),
        aliases=(f"{_MESSAGING}/setIsTyping",),
    ),
    Resource(
        "typingParticipants",
        f"{_MESSAGING}/typingParticipants",
        (Operation("GET", get_typing),),
        events=tuple(
            Event(kind, "conversation", Priority.HIGH, "typingParticipants")
            for kind in ("added", "deleted")
        ),
    ),
    Resource(
        "stopMessaging",
        f"{_MESSAGING}/terminate",
        (Operation("POST", terminate, (204,)),),
        aliases=(f"{_MESSAGING}/stopMessaging",),
    ),
)
