"""UCWA: calls that take a past conversation up again, from its log."""

import attrs

from mobility.http.body import fields
from mobility.http.message import Response
from mobility.ucwa.calls import invited, wanted_of
from mobility.ucwa.declaration import Call, Handler, Operation, Resource
from mobility.ucwa.history import CALLS, continuation
from mobility.ucwa.service import Ucwa


def continues(media: tuple[str, ...]) -> Handler:
    """POST continueAudio and its like: a call to the other party, in the same thread."""

    async def go_on(ucwa: Ucwa, call: Call) -> Response:
        wanted = wanted_of(fields(call.request), "", media)
        past = await continuation(ucwa, call)
        wanted = attrs.evolve(
            wanted,
            to_uri=past.to_uri,
            thread_id=past.thread_id,
            subject=past.subject,
            importance=past.importance,
        )
        invitation = await ucwa.calls.start(call.endpoint, wanted, call.now, call.receipt)
        return invited(ucwa, call, invitation.id)

    return go_on


RESOURCES = tuple(
    Resource(
        rel,
        f"communication/conversationLogs/{{log}}/{rel}",
        (
            Operation(
                "POST",
                continues(media),
                (201,),
                refusals=(
                    ("Conflict", ""),
                    ("Conflict", "TooManyConversations"),
                    ("Conflict", "ThreadIdAlreadyExists"),
                    ("Forbidden", ""),
                    ("BadRequest", "InvalidMediaDescription"),
                ),
                parameters=("operationId", "mediaOffer", "sessionContext"),
                repeat=invited,
            ),
        ),
    )
    for rel, media in CALLS.items()
)
