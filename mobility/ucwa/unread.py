"""Our extension `mobility:unread`: what is not read yet, on all devices of a user."""

import re

from mobility.errors import Parameter, validation_failure
from mobility.http.body import fields
from mobility.http.message import Response
from mobility.ucwa import history_documents
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Operation, Resource
from mobility.ucwa.documents import UNREAD_EXTENSION
from mobility.ucwa.history import MAX_NUMBER
from mobility.ucwa.service import Ucwa

MAX_HREF = 256
"""Characters of an href of this server's own."""

_CONVERSATION = re.compile(
    r"communication/conversations/([0-9a-f]{1,64})(?:/messaging/messages/([0-9]{1,9}))?"
)
_LOG = re.compile(
    r"communication/conversationLogs/([0-9a-f]{1,64})"
    r"(?:/conversationLogTranscripts/([0-9]{1,9}))?"
)


async def get_unread(ucwa: Ucwa, call: Call) -> Response:
    uri = call.endpoint.user_uri
    state = await ucwa.unread.of(uri)
    return Response(document=history_documents.unread(call.hrefs, uri, state))


async def post_unread(ucwa: Ucwa, call: Call) -> Response:
    """`upTo` is the href of the last message, transcript, conversation or conversationLog that was
    read; of the last two, all of it."""
    body = fields(call.request)
    href = body.text("upTo", required=True, max_length=MAX_HREF)
    body.check()
    own = f"{call.hrefs.application}/"
    path = href[len(own) :] if href.startswith(own) else ""
    uri = call.endpoint.user_uri
    if found := _CONVERSATION.fullmatch(path):
        await ucwa.unread.mark(uri, found[1], int(found[2] or MAX_NUMBER))
    elif found := _LOG.fullmatch(path):
        await ucwa.history.mark_read(uri, found[1], int(found[2] or MAX_NUMBER))
    else:
        raise validation_failure(
            Parameter("upTo", "must be the href of a message or a past conversation")
        )
    return Response(204)


RESOURCES = (
    Resource(
        UNREAD_EXTENSION,
        "communication/unread",
        (
            Operation("GET", get_unread),
            Operation(
                "POST",
                post_unread,
                (204,),
                refusals=(("NotFound", "ConversationNotFound"),),
                parameters=("upTo",),
            ),
        ),
        events=(Event("updated", "communication", Priority.MEDIUM),),
    ),
)
