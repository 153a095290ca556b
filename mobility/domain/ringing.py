"""Who rings for a call, and when: the plan that a call follows until somebody answers.

Without anything else the applications of the callee that carry the media ring.  Call forwarding,
telephone lines and SIP phones add to it by a plan of their own (`Calls.plan`).
"""

from collections.abc import Callable, Sequence

import attrs

from mobility.domain.applications import Endpoint
from mobility.domain.conversations import Conversations
from mobility.domain.diversions import Cause
from mobility.domain.lines import Device


@attrs.frozen(slots=True)
class Incoming:
    """A call that looks for somebody to answer it; `media` is of Audio and Video.

    It began at `started_at` (epoch seconds).
    """

    conversation_id: str
    caller_id: str
    caller_uri: str
    to_uri: str
    modality: str
    media: tuple[str, ...]
    started_at: float


@attrs.frozen(slots=True)
class Stage:
    """Who rings from `after_s` seconds after the call began.

    `devices` is asked when the stage begins; with no device to ring the next stage begins at once.
    With `alone` those stop ringing who rang before; they are told that the call was forwarded.
    `users` are those whose devices ring: who signs in or wakes while the stage lasts rings too.
    `progress` is the InvitationState the caller is shown (Forwarded, TeamRing), "" for none,
    `forwarded_by` who sent the call on, `cause` why, where that is known beforehand, and
    `on_behalf_of` the delegator whose delegates ring.
    """

    after_s: float
    devices: Callable[[], Sequence[Device]]
    alone: bool = False
    progress: str = ""
    forwarded_by: str = ""
    on_behalf_of: str = ""
    users: tuple[str, ...] = ()
    cause: Cause | None = None


@attrs.frozen(slots=True)
class Plan:
    """The stages in the order of their times, and when the call is given up (seconds)."""

    stages: tuple[Stage, ...]
    timeout_s: float


RingingPlan = Callable[[Incoming], Plan]
"""Makes the plan of a call; asked again, with the same call, after a restart."""


OtherDevices = Callable[[str, tuple[str, ...], str], Sequence[Device]]
"""Finds what rings for a user besides its applications, such as SIP phones: given the user's URI,
the media and who calls."""


class OwnDevices:
    """The plan of who has said nothing else: all of the callee's devices ring at once.

    They are its applications, and what `others` find.
    """

    def __init__(
        self,
        conversations: Conversations,
        timeout_s: float,
        by_phone: Callable[[str], bool] = lambda device_id: False,  # noqa: ARG005
    ) -> None:
        """`by_phone` says whether an application rings with its user's telephone."""
        self._conversations = conversations
        self._timeout_s = timeout_s
        self._by_phone = by_phone
        self.others: list[OtherDevices] = []
        self.elsewhere: list[OtherDevices] = []
        """What rings for those who are no users here."""

    def __call__(self, call: Incoming) -> Plan:
        stage = Stage(
            0.0,
            lambda: self.devices(call.to_uri, call.media, call.caller_uri),
            users=(call.to_uri,),
        )
        return Plan((stage,), self._timeout_s)

    def devices(self, uri: str, media: tuple[str, ...], caller_uri: str) -> list[Device]:
        """The devices of a user that carry one of `media` and this caller may ring, each once.

        For audio the applications whose telephone rings are among them.
        """
        found: dict[str, Device] = {}
        if not self._conversations.reach.is_user(uri):
            for elsewhere in self.elsewhere:
                found.update((device.id, device) for device in elsewhere(uri, media, caller_uri))
            return list(found.values())
        found.update(self.applications(uri, media, caller_uri))
        if self._conversations.reach.obstacle(uri, caller_uri) is None:
            for others in self.others:
                found.update((device.id, device) for device in others(uri, media, caller_uri))
        return list(found.values())

    def applications(
        self, uri: str, media: tuple[str, ...], caller_uri: str
    ) -> dict[str, Endpoint]:
        """The applications among them, by id."""
        found: dict[str, Endpoint] = {}
        if "Audio" in media:
            for endpoint in self._conversations.reachable(uri, "PhoneAudio", caller_uri):
                if self._by_phone(endpoint.id):
                    found[endpoint.id] = endpoint
        for medium in media:
            for endpoint in self._conversations.reachable(uri, medium, caller_uri):
                found.setdefault(endpoint.id, endpoint)
        return found
