"""Calls: audio and video between two parties, from the invitation to the end."""

from typing import ClassVar

import attrs


@attrs.frozen(slots=True)
class Call:
    """The call of a conversation; it has the id of the invitation by which it began.

    `modality` is audioVideo or phoneAudio.  `state` is one of `mobility.domain.call_states.CALL`
    and `negotiation` one of NEGOTIATION there.  `media` is a comma list of Audio and Video: what
    was asked for, and once somebody answered what goes on.  `caller_id` and `callee_id` are the
    applications or lines that call and that answered ("" before).  `callee_uri` is whose device
    answered, which may be another than the one who was called: `forwarded_by` then says who sent
    the call on.  `on_behalf_of` is for whom a delegate calls, `transferred_by` who has sent its
    caller here from another call.  `progress` is the InvitationState that its caller is shown
    meanwhile, if not Connecting.  `outcome` is said once it is over: Completed, or the subcode with
    which the invitation or the call failed.
    """

    KEY: ClassVar = ("id",)
    id: str
    conversation_id: str
    modality: str
    media: str
    caller_id: str
    caller_uri: str
    started_at: float
    state: str = "Ringing"
    negotiation: str = "Offered"
    callee_id: str = ""
    callee_uri: str = ""
    answered_at: float = 0.0
    ended_at: float = 0.0
    outcome: str = ""
    on_behalf_of: str = ""
    forwarded_by: str = ""
    progress: str = ""
    transferred_by: str = ""


@attrs.frozen(slots=True)
class CallSide:
    """What one device contributes to a call: its session context, description and mutes.

    `description` is its latest session description (SDP) and `streams` what that says of each
    stream (`mobility.domain.descriptions`); before the answer a callee's is provisional.
    `content_id` names the one of several offers that it answers.  `muted` is a comma list of Audio
    and Video.  `provisional` counts its provisional answers.  `by_phone` says that it takes part
    with its user's telephone; then `context` is the number of that.
    """

    KEY: ClassVar = ("call_id", "device_id")
    call_id: str
    device_id: str
    conversation_id: str
    user_uri: str
    context: str = attrs.field(repr=False, default="")
    description: str = attrs.field(repr=False, default="")
    streams: str = ""
    content_id: str = ""
    muted: str = ""
    provisional: int = 0
    by_phone: bool = False


@attrs.frozen(slots=True)
class Renegotiation:
    """The latest offer of a new description within a call; `state` is Offered while it is open,
    then Answered or Dismissed."""

    KEY: ClassVar = ("call_id",)
    call_id: str
    id: str
    conversation_id: str
    from_id: str
    operation_id: str
    offer: str = attrs.field(repr=False)
    streams: str
    expires_at: float
    state: str = "Offered"
    answer: str = attrs.field(repr=False, default="")


@attrs.frozen(slots=True)
class CallReport:
    """What a client said of a call's media: how good they were, or why they failed.

    `kind` is quality, failure or diagnostics.  `endpoint` names the device of a quality report,
    `code` and `subcode` are those of a failure, `body` is what else was sent, as it came.
    """

    KEY: ClassVar = ("id",)
    id: str
    call_id: str
    user_uri: str
    kind: str
    created_at: float
    endpoint: str = ""
    code: str = ""
    subcode: str = ""
    body: str = attrs.field(repr=False, default="")
