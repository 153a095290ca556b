"""How a call rings: the stages of its plan, one after another, until somebody answers."""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.call import AUDIO_VIDEO, CallEnd, call_of, call_over, tell_calls, tell_progress
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversation_facts import tell_ended
from mobility.domain.conversations import Conversations
from mobility.domain.diversions import Cause, cause_after
from mobility.domain.facts import Reason
from mobility.domain.ledger import Unit
from mobility.domain.lines import Device, is_line
from mobility.domain.outcomes import UNABLE, Outcome
from mobility.domain.records import Call, Invitation, Leg
from mobility.domain.ringing import Incoming, OwnDevices, Plan, RingingPlan, Stage
from mobility.domain.states import Invited, invitation_after

FORWARDED = Reason("LocalFailure", "Forwarded", "The call was sent on.")
"""What a device is told that rings no longer because others do."""


class CallStages:
    """Follows the plans of the calls that ring; `plan` makes them."""

    def __init__(self, agenda: Agenda, conversations: Conversations) -> None:
        self._agenda = agenda
        self._conversations = conversations
        self.by_phone: Callable[[str], bool] = _no_phone
        """Whether the application of an id rings with its user's telephone."""
        self.own = OwnDevices(
            conversations,
            conversations.limits.invitation_timeout_s,
            lambda device_id: self.by_phone(device_id),
        )
        self.plan: RingingPlan = self.own
        self._stages: dict[str, deque[Stage]] = {}
        """The stages to come of each call that rings."""
        self._ringing: dict[str, list[Stage]] = {}
        """The stages of such a call that last."""
        self._outcomes: dict[str, Outcome] = {}
        """Why nothing rang any more for such a call, the last time that was so."""
        self._causes: dict[str, Cause] = {}
        """Why such a call was sent on the last time."""
        conversations.silences.append(self._silent)
        conversations.call_endings.append(self._over)

    def load(self) -> None:
        """Go on with the plans of the calls that ring, after `Conversations.load`."""
        for conversation in self._conversations:
            call = conversation.call
            if call is not None and call.state != "Established":
                invitation = conversation.invitations[call.id]
                plan = self.plan_of(conversation, invitation)
                first, *rest = plan.stages
                later = [one for one in rest if one.alone or one.after_s > first.after_s]
                self.follow(conversation, plan, later, call.started_at)

    def plan_of(self, conversation: ActiveConversation, invitation: Invitation) -> Plan:
        """The plan of the call that begins or rings in `conversation`."""
        return self.plan(incoming(conversation, invitation))

    def follow(
        self,
        conversation: ActiveConversation,
        plan: Plan,
        stages: Sequence[Stage],
        since: float,
    ) -> None:
        """Let the `stages` of the plan that are to come begin at their times after `since`."""
        call = call_of(conversation)
        begun = plan.stages[: len(plan.stages) - len(stages)]
        alone = max((number for number, one in enumerate(begun) if one.alone), default=0)
        self._ringing[call.id] = list(begun[alone:])
        if not stages:
            return
        self._stages[call.id] = deque(stages)
        conversation.stages = len(stages)
        for stage in stages:
            self._agenda.at(since + stage.after_s, partial(self._begin_stage, conversation, stage))

    def replace(self, conversation: ActiveConversation, plan: Plan, now: float) -> None:
        """Let a call that rings follow another plan, which begins now.

        The caller holds the conversation's lock.
        """
        call = call_of(conversation)
        self._stages[call.id] = deque(plan.stages)
        conversation.stages = len(plan.stages)
        for stage in plan.stages:
            self._agenda.at(now + stage.after_s, partial(self._begin_stage, conversation, stage))

    async def prolong(
        self, conversation: ActiveConversation, invitation: Invitation, until: float
    ) -> None:
        """Let an open invitation wait until then, if it would not as long.

        The caller holds the conversation's lock.
        """
        if until > invitation.expires_at:
            draft = conversation.draft()
            draft.invitations[invitation.id] = attrs.evolve(invitation, expires_at=until)
            await self._conversations.change(Unit(), conversation, draft)

    def end(self, conversation: ActiveConversation) -> None:
        """Somebody answered: nobody else will ring."""
        conversation.stages = 0
        self._forget(call_of(conversation).id)

    def _silent(self, conversation: ActiveConversation, outcome: Outcome) -> None:
        """Nothing rings any more: the next stage begins before its time.

        With nobody left to ring the call ends in `outcome`.
        """
        call = conversation.call
        if call is not None and (stages := self._stages.get(call.id)):
            self._outcomes[call.id] = outcome
            begin = partial(self._begin_stage, conversation, stages[0], after=outcome)
            self._agenda.at(0.0, begin)

    async def _begin_stage(
        self,
        conversation: ActiveConversation,
        stage: Stage,
        now: float,
        after: Outcome | None = None,
    ) -> None:
        """Others ring for a call, unless it is answered or the stage has begun already.

        It begins before its time where nothing rings any more because of `after`.
        """
        conversations = self._conversations
        async with conversations.lock(conversation.id):
            call = conversation.call
            stages = self._stages.get(call.id) if call is not None else None
            if call is None or not stages or stages[0] is not stage:
                return
            invitation = conversation.invitations[call.id]
            draft, unit = conversation.draft(), Unit()
            name_of = conversations.names_in(conversation)
            devices = [
                one
                for one in stage.devices()
                if one.id not in conversation.legs and self.able(conversation, one)
            ]
            waits = self._may_wake(conversation, stage)
            if stage.alone and (devices or waits):
                failed = invitation_after(invitation, Invited.FORWARDED)
                for leg in conversation.ringing(invitation):
                    del draft.legs[leg.application_id]
                    facts = call_over(conversation, leg, name_of)
                    tell_ended(unit, conversation, leg, name_of, failed, FORWARDED, facts)
            if devices or waits:
                if stage.forwarded_by:
                    self._causes[call.id] = stage.cause or _cause(call, after)
                draft.call = attrs.evolve(
                    call,
                    progress=stage.progress or call.progress,
                    forwarded_by=stage.forwarded_by or call.forwarded_by,
                )
                ringing = [] if stage.alone else self._ringing.get(call.id, [])
                self._ringing[call.id] = [*ringing, stage]
                awaited = waits or (invitation.awaited and not stage.alone)
                invitation = attrs.evolve(invitation, awaited=awaited)
                draft.invitations[call.id] = invitation
                for device in devices:
                    leg = self.ringing_leg(invitation, device, stage.on_behalf_of)
                    draft.legs[device.id] = leg
                    tell_calls(unit, draft, invitation, leg, name_of, new=True)
                if draft.call.progress != call.progress:
                    tell_progress(unit, draft, invitation, name_of)
                await conversations.change(unit, conversation, draft)
            stages.popleft()
            conversation.stages = len(stages)
            if conversation.is_silent(conversation.invitations[call.id]):
                outcome = self._outcomes.get(call.id, UNABLE)
                if stages:
                    self._silent(conversation, outcome)
                else:
                    await conversations.withdraw(conversation, invitation, outcome, now)

    def _over(self, unit: Unit, end: CallEnd) -> None:  # noqa: ARG002  # a CallEnding
        self._forget(end.call.id)

    def _forget(self, call_id: str) -> None:
        self._stages.pop(call_id, None)
        self._ringing.pop(call_id, None)
        self._outcomes.pop(call_id, None)
        self._causes.pop(call_id, None)

    def cause_of(self, call: Call | None) -> Cause:
        """Why a call that rings was sent on, if it was; after a restart that is known no more."""
        return self._causes.get(call.id if call is not None else "", Cause.UNANSWERED)

    def lasting(self, user_uri: str) -> list[tuple[str, Stage]]:
        """The calls that ring the user's devices now, by their ids, and the stages that do."""
        return [
            (call_id, stage)
            for call_id, stages in self._ringing.items()
            for stage in stages
            if user_uri in stage.users
        ]

    def alike(self, call: Incoming) -> int:
        """How many calls of the same caller ring for the same user."""
        others = (self._conversations.of_call(call_id) for call_id in self._ringing)
        return sum(
            one is not None
            and one.call is not None
            and one.call.caller_uri == call.caller_uri
            and one.invitations[one.call.id].to_uri == call.to_uri
            for one in others
        )

    def is_for(self, invitation: Invitation, user_uri: str) -> bool:
        """Whether a call that rings the user's devices is for that user, and does not ring beside
        somebody else or for one."""
        return any(
            user_uri in stage.users
            and not stage.on_behalf_of
            and (bool(stage.forwarded_by) or user_uri == invitation.to_uri)
            for stage in self._ringing.get(invitation.id, ())
        )

    def lasts(self, call_id: str, stage: Stage) -> bool:
        """Whether the stage has begun, and neither the call nor another stage has ended it."""
        return stage in self._ringing.get(call_id, ())

    def _may_wake(self, conversation: ActiveConversation, stage: Stage) -> bool:
        """Whether the stage waits for devices of who was called that sleep."""
        call = call_of(conversation)
        uri = conversation.invitations[call.id].to_uri
        return uri in stage.users and any(
            self._conversations.may_wake(uri, medium, call.caller_uri)
            for medium in call.media.split(",")
        )

    def able(self, conversation: ActiveConversation, device: Device) -> bool:
        """Whether a device can take the call: a telephone and a line any, others what offers them
        media."""
        call = call_of(conversation)
        if call.modality == AUDIO_VIDEO or is_line(device.id) or self.by_phone(device.id):
            return True
        return bool(conversation.sides[call.caller_id].description)

    def ringing_leg(self, invitation: Invitation, device: Device, on_behalf_of: str = "") -> Leg:
        """The part of a device that rings, with its user's telephone if that is preferred."""
        by_phone = self.by_phone(device.id)
        leg = new_leg(invitation, device, "Incoming", "Ringing", by_phone=by_phone)
        return attrs.evolve(leg, on_behalf_of=on_behalf_of)

    def first_legs(
        self, conversation: ActiveConversation, invitation: Invitation, plan: Plan, caller: Device
    ) -> tuple[list[Leg], tuple[Stage, ...]]:
        """Who rings first, and the stages to come: the first stage that has devices begins, and
        those that ring beside it at the same time.

        The call of `conversation` gets what they say.
        """
        legs: dict[str, Leg] = {}
        begun: Stage | None = None
        for number, stage in enumerate(plan.stages):
            if begun is not None and (stage.alone or stage.after_s > begun.after_s):
                return list(legs.values()), plan.stages[number:]
            devices = [
                one
                for one in stage.devices()
                if one.id != caller.id and self.able(conversation, one)
            ]
            waits = self._may_wake(conversation, stage)
            if not devices and not waits:
                continue
            call = call_of(conversation)
            if begun is None and stage.forwarded_by:
                known = Cause.AWAY if number else Cause.UNCONDITIONAL
                self._causes[call.id] = stage.cause or known
            begun = begun or stage
            if waits:
                conversation.invitations[call.id] = attrs.evolve(
                    conversation.invitations[call.id], awaited=True
                )
            conversation.call = attrs.evolve(
                call,
                progress=call.progress or stage.progress,
                forwarded_by=call.forwarded_by or stage.forwarded_by,
            )
            for device in devices:
                leg = self.ringing_leg(invitation, device, stage.on_behalf_of)
                legs.setdefault(device.id, leg)
        return list(legs.values()), ()


def incoming(conversation: ActiveConversation, invitation: Invitation) -> Incoming:
    """The call that begins or rings in `conversation`, as plans are made for it."""
    call = call_of(conversation)
    return Incoming(
        conversation.id,
        call.caller_id,
        call.caller_uri,
        invitation.to_uri,
        call.modality,
        tuple(call.media.split(",")),
        call.started_at,
    )


def _cause(call: Call, after: Outcome | None) -> Cause:
    """Why a call goes on to its next stage: at the time of that, or because of an outcome."""
    if after is None:
        return Cause.UNANSWERED
    return cause_after(after, rang=call.state == "Alerting")


def _no_phone(device_id: str) -> bool:  # noqa: ARG001  # the same for all
    """What rings with telephones where there is no telephone network."""
    return False


def new_leg(
    invitation: Invitation, device: Device, state: str, call: str, *, by_phone: bool = False
) -> Leg:
    """The part of a device in a conversation that begins with a call."""
    return Leg(
        conversation_id=invitation.conversation_id,
        application_id=device.id,
        user_uri=device.user_uri,
        state=state,
        messaging="Disconnected",
        invitation_id=invitation.id,
        call=call,
        by_phone=by_phone,
    )
