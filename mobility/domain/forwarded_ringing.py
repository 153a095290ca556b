"""How calls ring by what their callees have set: the plan of `call_routing` as stages of devices.

The applications of users ring, and where the telephone network is reached numbers do, each for who
has sent the call there.  What a stage rings is looked up when it begins; when it begins, and who
is in it, is decided when the call does, so that a restart goes on with the same plan.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby

import attrs

from mobility.domain import call_routing
from mobility.domain.call_routing import (
    VOICEMAIL,
    Directory,
    Ring,
    deflect,
    follow,
    is_number,
    route,
)
from mobility.domain.call_stages import CallStages
from mobility.domain.conversations import Conversations
from mobility.domain.descriptions import AUDIO
from mobility.domain.diversions import Cause
from mobility.domain.forwarding import Forwarding
from mobility.domain.lines import Device
from mobility.domain.outcomes import DO_NOT_DISTURB
from mobility.domain.records import CallForwarding
from mobility.domain.ringing import Incoming, Plan, Stage
from mobility.domain.voice_routing import Itinerary

MAX_ALIKE = 5
"""How many calls of the same caller ring for the same user at once: beyond these what the user has
set to ring at a number is taken to lead in a circle by another system, and to be off (our choice:
nobody calls so often)."""


class ForwardedRinging:
    """The ringing plan of calls that have audio; all others ring the callee's own devices."""

    def __init__(
        self,
        conversations: Conversations,
        forwarding: Forwarding,
        stages: CallStages,
    ) -> None:
        """`stages` are those of all calls."""
        self._stages = stages
        self._reach = conversations.reach
        self._ringing_s = conversations.limits.invitation_timeout_s
        self._own = stages.own
        self._forwarding = forwarding
        self._destinations = forwarding.destinations

    def __call__(self, call: Incoming) -> Plan:
        obstacle = self._reach.obstacle(call.to_uri, call.caller_uri)
        if AUDIO not in call.media or obstacle not in (None, DO_NOT_DISTURB):
            return self._own(call)
        plans = self._as_set(call, self._forwarding.directory())
        goes_out = any(is_number(ring.place) for plan in plans for ring in plan.rings)
        if goes_out and self._stages.alike(call) >= MAX_ALIKE:
            unset = attrs.evolve(self._forwarding.directory(), settings=CallForwarding)
            plans = self._as_set(call, unset)
        cause: Cause | None = None
        if obstacle is DO_NOT_DISTURB and plans[0].rings[0].role == "callee":
            plans = plans[1:]  # who is not to be disturbed does not answer
            cause = Cause.DO_NOT_DISTURB
            if not plans:
                return self._own(call)
        return self._together(call, plans, cause, alone=False)

    def _as_set(self, call: Incoming, directory: Directory) -> list[call_routing.Plan]:
        first = route(call.caller_uri, call.to_uri, directory, call.started_at)
        return list(self._plans(call, first, directory))

    def deflected(
        self, call: Incoming, by: str, contact: str, passed: Sequence[str], cause: Cause
    ) -> Plan | None:
        """The plan of a call that began now for a device of the user `by`, who sends it on.

        `contact` is as it is set for forwarding, or VOICEMAIL, and `passed` are those who have sent
        it on so before.  None where the user's forwarding would not lead there.
        """
        directory, now = self._forwarding.directory(), call.started_at
        first = deflect(call.caller_uri, by, contact, directory, now, passed)
        if first is None:
            return None
        plans = list(self._plans(call, first, directory))
        return self._together(call, plans, cause, alone=True)

    def _together(
        self, call: Incoming, plans: list[call_routing.Plan], cause: Cause | None, *, alone: bool
    ) -> Plan:
        stages: list[Stage] = []
        offset = 0.0
        for number, plan in enumerate(plans):
            stages += self._rings(call, plan, offset, cause, alone=alone or number > 0)
            cause = None
            offset += plan.lasts_s(self._ringing_s)
        return Plan(tuple(stages), offset)

    def _plans(
        self, call: Incoming, first: call_routing.Plan, directory: Directory
    ) -> Iterator[call_routing.Plan]:
        """A plan, and what follows it as long as nobody answers."""
        now = call.started_at
        plan: call_routing.Plan | None = first
        while plan is not None:
            yield plan
            now += plan.lasts_s(self._ringing_s)
            plan = follow(call.caller_uri, plan, directory, now)

    def _rings(
        self,
        call: Incoming,
        plan: call_routing.Plan,
        offset: float,
        cause: Cause | None,
        *,
        alone: bool,
    ) -> Iterator[Stage]:
        """Who rings at the same time for the same reason is a stage of its own."""
        for (after_s, by, behalf, team), rings in groupby(plan.rings, _reason):
            places = [ring.place for ring in rings]
            yield Stage(
                offset + after_s,
                partial(self._devices, call, plan, places),
                alone=alone,
                progress="Forwarded" if by else "TeamRing" if team else "",
                forwarded_by=by,
                on_behalf_of=behalf,
                users=tuple(one for one in places if one != VOICEMAIL and not is_number(one)),
                cause=cause,
            )
            alone = False

    def _devices(self, call: Incoming, plan: call_routing.Plan, places: list[str]) -> list[Device]:
        found: list[Device] = []
        for place in places:
            if place == VOICEMAIL:
                found += self._voicemail(call, plan.callee)
            elif is_number(place):
                beside = any(one.place == plan.callee for one in plan.rings)
                way = self._destinations.way(plan.callee, place, beside=beside)
                found += self._destinations.number(plan.callee, way, call.caller_uri, beside=beside)
            else:
                found += self._own.devices(place, call.media, call.caller_uri)
        return found

    def _voicemail(self, call: Incoming, callee: str) -> list[Device]:
        way = self._destinations.way_to_voicemail(callee)
        if isinstance(way, Itinerary):
            if not way.user_uri:
                return self._destinations.number(callee, way, call.caller_uri, beside=False)
            way = way.user_uri
        return self._own.devices(way, call.media, call.caller_uri) if way else []


def _reason(ring: Ring) -> tuple[int, str, str, bool]:
    return ring.after_s, ring.forwarded_by, ring.on_behalf_of, ring.role == "team"
