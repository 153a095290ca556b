"""What users want done with their incoming calls: the settings behind `callForwardingSettings`.

Where a call goes by them is decided in `mobility.domain.call_routing`.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import attrs

from mobility.domain.applications import Applications, Endpoint
from mobility.domain.call_destinations import CallDestinations
from mobility.domain.call_routing import DEFAULT_UNANSWERED_S, Directory
from mobility.domain.facts import MeChanged
from mobility.domain.ledger import Conflict, Ledger, Unit
from mobility.domain.locks import Lock, Locks
from mobility.domain.records import CallForwarding, User
from mobility.errors import Refusal

NONE = "None"
CONTACT = "Contact"
DELEGATES = "Delegates"
TEAM = "Team"
VOICEMAIL_TARGET = "Voicemail"
FORWARD = "ImmediateForward"
RING = "SimultaneousRing"
ENABLED, DISABLED = "Enabled", "Disabled"
"""Words of the enumerations ImmediateForwardSettingsTarget, SimultaneousRingTarget,
UnansweredCallHandlingTarget, CallForwardingState and UnansweredCallHandling."""

RING_DELAY_S = (0, 55)
"""Bounds of the delay until others ring too (UCWA simultaneousRingToDelegates)."""

UNANSWERED_DELAY_S = (5, 60)
"""Bounds of the delay until an unanswered call is sent on (UCWA unansweredCallToContact)."""

Decision = Callable[[CallForwarding], CallForwarding]
"""Makes the settings after a change of those before; raises Refusal."""


@attrs.frozen(slots=True)
class Choices:
    """The targets that a user may choose now, for each of the three settings."""

    forward: tuple[str, ...] = ()
    ring: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()


class Forwarding:
    """The call-forwarding settings of this system's users.

    Each change is one unit of work, and all applications of the user hear that something of its
    own has changed.  Every method that changes raises Refusal: 403 Forbidden for a user without
    Enterprise Voice and for what its voice policy forbids.
    """

    def __init__(
        self,
        ledger: Ledger,
        applications: Applications,
        destinations: CallDestinations,
        stored: Iterable[CallForwarding] = (),
    ) -> None:
        self._ledger = ledger
        self._applications = applications
        self.destinations = destinations
        self._settings = {one.user_uri: one for one in stored}
        self._locks = Locks()

    def of(self, uri: str) -> CallForwarding:
        """What a user has set; of version 0 while it has set nothing."""
        found = self._settings.get(uri)
        return found if found is not None else CallForwarding(uri, version=0)

    def unanswered_handling(self, settings: CallForwarding) -> str:
        """The UnansweredCallHandling in force: there is none while all calls are forwarded."""
        if settings.active_setting == FORWARD:
            return DISABLED
        if settings.unanswered == "":
            return ENABLED if self.destinations.has_voicemail else DISABLED
        return settings.unanswered

    def unanswered_target(self, settings: CallForwarding) -> str:
        """The UnansweredCallHandlingTarget to show: None for voicemail where there is none."""
        if settings.unanswered_target == VOICEMAIL_TARGET and not self.destinations.has_voicemail:
            return NONE
        return settings.unanswered_target

    def choices(self, uri: str) -> Choices:
        """What a user may choose now; nothing without Enterprise Voice."""
        if not self.destinations.has_voice(uri):
            return Choices()
        policy = self.destinations.policy_of(uri)
        delegates = (DELEGATES,) if self.destinations.delegates_of(uri) else ()
        team = (TEAM,) if self.destinations.team_of(uri) else ()
        contact = (CONTACT,) if policy.allow_call_forwarding else ()
        voicemail = (VOICEMAIL_TARGET,) if self.destinations.has_voicemail else ()
        forwards = self.of(uri).active_setting == FORWARD
        return Choices(
            forward=(*contact, *(delegates if policy.allow_call_forwarding else ()), *voicemail),
            ring=(CONTACT, *delegates, *team) if policy.allow_simul_ring else (),
            unanswered=() if forwards else (*contact, *voicemail),
        )

    def directory(self) -> Directory:
        """What plans are made from."""
        return Directory(
            known=self.destinations.is_known,
            voice=self.destinations.has_voice,
            may_forward=lambda uri: self.destinations.policy_of(uri).allow_call_forwarding,
            may_ring_too=lambda uri: self.destinations.policy_of(uri).allow_simul_ring,
            settings=self.of,
            delegates_of=self.destinations.delegates_of,
            team_of=self.destinations.team_of,
            place_of=self.destinations.place_of,
            voicemail=self.destinations.has_voicemail,
            hours=self.destinations.everybody.hours,
        )

    async def forward(self, endpoint: Endpoint, target: str, contact: str = "") -> None:
        """Send all calls to `target` (UCWA immediateForwardTo...)."""

        def decide(before: CallForwarding) -> CallForwarding:
            self._check(before.user_uri, target, self.choices(before.user_uri).forward)
            return attrs.evolve(
                before,
                active_setting=FORWARD,
                forward_target=target,
                forward_contact=contact or before.forward_contact,
            )

        await self._change(endpoint, decide)

    async def ring_too(
        self, endpoint: Endpoint, target: str, delay_s: int | None = None, contact: str = ""
    ) -> None:
        """Let `target` ring beside the user (UCWA simultaneousRingTo...), at once unless told."""

        def decide(before: CallForwarding) -> CallForwarding:
            self._check(before.user_uri, target, self.choices(before.user_uri).ring)
            return attrs.evolve(
                before,
                active_setting=RING,
                ring_target=target,
                ring_delay_s=delay_s or 0,
                ring_contact=contact or before.ring_contact,
            )

        await self._change(endpoint, decide)

    async def send_unanswered(
        self, endpoint: Endpoint, target: str, delay_s: int | None = None, contact: str = ""
    ) -> None:
        """Send calls nobody answers to `target` (UCWA unansweredCallTo...).

        403 while all calls are forwarded.
        """

        def decide(before: CallForwarding) -> CallForwarding:
            self._check(before.user_uri, target, self.choices(before.user_uri).unanswered)
            return attrs.evolve(
                before,
                unanswered=ENABLED,
                unanswered_target=target,
                unanswered_delay_s=delay_s or DEFAULT_UNANSWERED_S,
                unanswered_contact=contact or before.unanswered_contact,
            )

        await self._change(endpoint, decide)

    async def reset_unanswered(self, endpoint: Endpoint) -> None:
        """Calls nobody answers go where they do by default (UCWA resetUnansweredCallSettings)."""
        await self._change(endpoint, _reset_unanswered)

    async def turn_off(self, endpoint: Endpoint) -> None:
        """Calls ring at the user, and go to voicemail (UCWA turnOffCallForwarding).

        What was chosen for the settings that are off now is kept.
        """

        def decide(before: CallForwarding) -> CallForwarding:
            return attrs.evolve(_reset_unanswered(before), active_setting=NONE)

        await self._change(endpoint, decide)

    async def set_active(
        self,
        endpoint: Endpoint,
        known: CallForwarding,
        *,
        setting: str | None = None,
        period: str | None = None,
        unanswered: str | None = None,
    ) -> CallForwarding:
        """Which rules are in force, and when (UCWA callForwardingSettings PUT); None changes
        nothing.

        409 Conflict for a setting that has no target yet, 412 PreconditionFailed when something
        has changed.  While all calls are forwarded, Disabled is what clients are shown, so that
        they send it back means nothing.
        """

        def decide(before: CallForwarding) -> CallForwarding:
            chosen = {"active_setting": setting, "active_period": period, "unanswered": unanswered}
            if unanswered == self.unanswered_handling(before):
                del chosen["unanswered"]
            after = attrs.evolve(before, **_given(chosen))
            choices = self.choices(before.user_uri)
            targets = {FORWARD: after.forward_target, RING: after.ring_target}
            if after.active_setting != before.active_setting and after.active_setting in targets:
                usable = choices.forward if after.active_setting == FORWARD else choices.ring
                self._must_lead(after.user_uri, targets[after.active_setting], usable)
            if chosen.get("unanswered") == ENABLED:
                self._must_lead(
                    after.user_uri, self.unanswered_target(after), (CONTACT, VOICEMAIL_TARGET)
                )
            return after

        return await self._change(endpoint, decide, known)

    async def set_ring(
        self,
        endpoint: Endpoint,
        known: CallForwarding,
        *,
        target: str | None = None,
        delay_s: int | None = None,
    ) -> CallForwarding:
        """Who rings too, and when (UCWA simultaneousRingSettings PUT); None changes nothing.

        409 Conflict for a contact that nobody has named, 412 when something has changed.
        """

        def decide(before: CallForwarding) -> CallForwarding:
            after = attrs.evolve(before, **_given({"ring_target": target, "ring_delay_s": delay_s}))
            if after.ring_target == NONE:
                off = NONE if after.active_setting == RING else after.active_setting
                return attrs.evolve(after, active_setting=off)
            if after.ring_target != before.ring_target:
                self._check(after.user_uri, after.ring_target, self.choices(before.user_uri).ring)
                _must_name(after.ring_target, after.ring_contact)
            return after

        return await self._change(endpoint, decide, known)

    async def set_unanswered(
        self,
        endpoint: Endpoint,
        known: CallForwarding,
        *,
        target: str | None = None,
        delay_s: int | None = None,
    ) -> CallForwarding:
        """Where unanswered calls go (UCWA unansweredCallSettings PUT); None changes nothing.

        403 for a change while all calls are forwarded, 409 Conflict for a contact that nobody has
        named, 412 when something has changed.
        """

        def decide(before: CallForwarding) -> CallForwarding:
            if target == self.unanswered_target(before):
                after = before
            elif target == NONE:
                after = attrs.evolve(before, unanswered=DISABLED, unanswered_target=NONE)
            elif target is not None:
                self._check(before.user_uri, target, self.choices(before.user_uri).unanswered)
                _must_name(target, before.unanswered_contact)
                after = attrs.evolve(before, unanswered=ENABLED, unanswered_target=target)
            else:
                after = before
            after = attrs.evolve(after, **_given({"unanswered_delay_s": delay_s}))
            if after != before and before.active_setting == FORWARD:
                raise _forbidden("All calls are forwarded, so none stays unanswered.")
            return after

        return await self._change(endpoint, decide, known)

    def watch(self) -> Callable[[], Awaitable[None]]:
        """A `Watcher` of voice settings: who may choose otherwise afterwards is told."""
        before = {one.user_uri: self.choices(one.user_uri) for one in self._applications}

        async def tell() -> None:
            unit = Unit()
            for endpoint in self._applications:
                choices = self.choices(endpoint.user_uri)
                if before.get(endpoint.user_uri, choices) != choices:
                    unit.append(endpoint.id, MeChanged())
            if unit:
                await self._ledger.commit(unit)

        return tell

    async def end_all_of(self, user: User, now: float) -> None:  # noqa: ARG002  # a Departure
        """A user leaves for good, and its settings with it."""
        async with self._locks.of(user.uri):
            settings = self._settings.get(user.uri)
            if settings is not None:
                unit = Unit()
                unit.remove(settings)
                await self._ledger.commit(unit)
                del self._settings[user.uri]

    def lock(self, uri: str) -> Lock:
        """What changes of a user's settings wait for."""
        return self._locks.of(uri)

    def stage(self, after: CallForwarding, unit: Unit) -> Callable[[], None]:
        """Put other settings of a user into a unit of work, while its `lock` is held; what is
        answered must be called once that is stored."""
        after = attrs.evolve(after, version=self.of(after.user_uri).version + 1)
        unit.save(after)
        for one in self._applications.of_user(after.user_uri):
            unit.append(one.id, MeChanged())

        def settle() -> None:
            self._settings[after.user_uri] = after

        return settle

    async def _change(
        self, endpoint: Endpoint, decide: Decision, known: CallForwarding | None = None
    ) -> CallForwarding:
        uri = endpoint.user_uri
        async with self._locks.of(uri):
            endpoint.must_live()
            self.destinations.must_have_voice(uri)
            before = self.of(uri)
            if known is not None and known != before:
                raise Refusal(
                    "PreconditionFailed", None, "The settings have changed since they were read."
                )
            after = decide(before)
            if after == before:
                return before
            unit = Unit()
            settle = self.stage(after, unit)
            try:
                await self._ledger.commit(unit)
            except Conflict as error:
                raise Refusal("Conflict", None, "Somebody has changed it since.") from error
            settle()
            return self.of(uri)

    def _check(self, uri: str, target: str, choices: tuple[str, ...]) -> None:
        """Refuse a target that cannot be chosen."""
        if target in choices:
            return
        if target == DELEGATES and not self.destinations.delegates_of(uri):
            raise Refusal("Conflict", "NoDelegatesConfigured", "This user has no delegates.")
        if target == TEAM and not self.destinations.team_of(uri):
            raise Refusal("Conflict", "NoTeamMembersConfigured", "This user has no team.")
        raise _forbidden("Calls cannot be sent there.")

    def _must_lead(self, uri: str, target: str, choices: tuple[str, ...]) -> None:
        if target == NONE:
            raise Refusal("Conflict", None, "There is no target yet: choose one first.")
        self._check(uri, target, choices)


def _reset_unanswered(before: CallForwarding) -> CallForwarding:
    default = CallForwarding(before.user_uri)
    return attrs.evolve(
        before,
        unanswered=default.unanswered,
        unanswered_target=default.unanswered_target,
        unanswered_delay_s=default.unanswered_delay_s,
    )


def _must_name(target: str, contact: str) -> None:
    if target == CONTACT and not contact:
        raise Refusal("Conflict", None, "Nobody has named the contact: use the action for it.")


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _forbidden(message: str) -> Refusal:
    return Refusal("Forbidden", None, message)
