"""Voice routing of this system: its settings (`SettingBook`), and what they decide.

A dial plan may also be for the service (the pool) and then comes between the user's and the site's.
"""

from typing import cast

import attrs

from mobility.domain import voice_routing
from mobility.domain.ledger import Ledger
from mobility.domain.records import User, VoiceGrant, VoiceSetting
from mobility.domain.setting_book import SettingBook
from mobility.domain.users import Users
from mobility.domain.voice_objects import (
    VOICE,
    DialPlan,
    EmergencyNumber,
    Gateway,
    VoicePolicy,
    VoiceRoute,
)
from mobility.domain.voice_routing import Attempt, Itinerary
from mobility.errors import Refusal

EVERYWHERE = (EmergencyNumber("112"), EmergencyNumber("911"))
"""What is an emergency number while administrators name none (3GPP TS 22.101 section 10.1.1)."""


class Voice(SettingBook[VoiceGrant]):
    """The voice settings of this system, and what they decide."""

    def __init__(self, ledger: Ledger, users: Users, service: str = "") -> None:
        """`service` is the name of this pool, as in the identity of a dial plan for it."""
        super().__init__(ledger, users, VOICE, VoiceSetting, VoiceGrant)
        self._service = service.casefold()

    # -- what they decide --------------------------------------------------------------------

    def policy_of(self, user: User) -> VoicePolicy:
        """The voice policy that rules a user."""
        granted = self.grant_of(user.uri).voice_policy
        return cast(VoicePolicy, self.first("policies", granted, f"site:{self.site_of(user)}"))

    def dial_plan_of(self, user: User) -> DialPlan:
        """The dial plan that a user dials by."""
        granted = self.grant_of(user.uri).dial_plan
        service = f"service:{self._service}"
        site = f"site:{self.site_of(user)}"
        return cast(DialPlan, self.first("dial-plans", granted, service, site))

    @property
    def emergency_numbers(self) -> tuple[EmergencyNumber, ...]:
        """Those that administrators set, else those of everywhere."""
        own = [cast(EmergencyNumber, one.thing) for one in self.all("emergency-numbers")]
        return tuple(own) or EVERYWHERE

    @property
    def gateways(self) -> tuple[Gateway, ...]:
        """Those that are enabled."""
        if not self.things("gateways"):  # whom each SIP request is compared with
            return ()
        found = (cast(Gateway, one.thing) for one in self.all("gateways"))
        return tuple(one for one in found if one.enabled)

    @property
    def has_gateway(self) -> bool:
        """Whether any gateway is enabled."""
        return any(one.enabled for one in self.things("gateways"))

    def can_call_out(self, user: User) -> bool:
        """Whether a user may call numbers of the telephone network at all, and some gateway is
        there for it."""
        usages = self.policy_of(user).usages
        return user.enterprise_voice and bool(usages) and self.has_gateway

    def normalised(self, user: User, dialled: str) -> str:
        """The number that a user means.  400 NormalizationFailed when it is none."""
        number = voice_routing.normalise(self.dial_plan_of(user), dialled).number
        if not number:
            raise Refusal(
                "BadRequest", "NormalizationFailed", "The dial plan makes no number of this."
            )
        return number

    def route(self, caller: User, dialled: str) -> Itinerary:
        """Where a call of `caller` to what was dialled leads."""
        if (meant := voice_routing.emergency_number(self.emergency_numbers, dialled)) is not None:
            return self._emergency(caller, dialled, meant)
        policy = self.policy_of(caller)
        begun = self._begun(caller, policy, dialled)
        meant = voice_routing.emergency_number(self.emergency_numbers, begun.number)
        if meant is not None:
            return self._emergency(caller, dialled, meant)
        if begun.failure or begun.user_uri:
            return begun
        if not caller.enterprise_voice:
            return attrs.evolve(begun, failure="EnterpriseVoiceDisabled")
        return self._outside(begun, policy.usages, caller)

    def can_join_by_phone(self, user: User) -> bool:
        """Whether meetings can call a user's telephone at all: a voice policy with a usage is
        enough, Enterprise Voice or not, and some gateway is there for it."""
        return bool(self.policy_of(user).usages) and self.has_gateway

    def joining(self, user: User, dialled: str) -> Itinerary:
        """Where a call leads by which a meeting rings a user's telephone (click to join).

        The voice policy that applies to the user decides, whether the user has Enterprise Voice or
        not.  A line of this system is a person here, whom the meeting can ask in otherwise.
        """
        policy = self.policy_of(user)
        begun = self._begun(user, policy, dialled)
        if any(
            voice_routing.emergency_number(self.emergency_numbers, number) is not None
            for number in (dialled, begun.number)
        ):
            return attrs.evolve(begun, user_uri="", failure="EmergencyNumber")
        if begun.failure or begun.user_uri:
            return begun
        return self._outside(begun, policy.usages, user)

    def forwarding(self, callee: User, dialled: str, *, simultaneous: bool = False) -> Itinerary:
        """Where a call that `callee` forwards, or has ring elsewhere too, leads.

        The policy is the callee's, and so are the usages: those of the policy, those that it names
        for forwarding, or none but users here (CallForwardingSimulRingUsageType).
        """
        policy = self.policy_of(callee)
        begun = self._begun(callee, policy, dialled)
        allowed = policy.allow_simul_ring if simultaneous else policy.allow_call_forwarding
        if not callee.enterprise_voice:
            return attrs.evolve(begun, user_uri="", failure="EnterpriseVoiceDisabled")
        if not allowed:
            return attrs.evolve(begun, user_uri="", failure="ForwardingForbidden")
        if any(
            voice_routing.emergency_number(self.emergency_numbers, number) is not None
            for number in (dialled, begun.number)
        ):
            return attrs.evolve(begun, user_uri="", failure="EmergencyNumber")
        if begun.failure or begun.user_uri:
            return begun
        usages = {
            "VoicePolicyUsage": policy.usages,
            "InternalOnly": (),
            "CustomUsage": policy.custom_call_forwarding_simul_ring_usages,
        }[policy.call_forwarding_simul_ring_usage_type]
        found = self._outside(begun, usages, callee)
        if simultaneous and policy.enable_voicemail_escape_timer:
            return attrs.evolve(found, escape_s=policy.pstn_voicemail_escape_timer / 1000)
        return found

    def _begun(self, user: User, policy: VoicePolicy, dialled: str) -> Itinerary:
        """The number that was meant, and the user here who has it."""
        plan = self.dial_plan_of(user)
        normalised = voice_routing.normalise(plan, dialled)
        found = self._users.of_line(normalised.number)
        return Itinerary(
            dialled,
            normalised.number,
            plan.name,
            normalised,
            user_uri=found.uri if found is not None else "",
            policy=policy.name,
            failure="" if normalised.number else "NormalizationFailed",
        )

    def _outside(self, begun: Itinerary, usages: tuple[str, ...], caller: User) -> Itinerary:
        steps = voice_routing.steps(usages, self._routes, begun.number)
        found = voice_routing.attempts(
            ((step.usage, step.routes) for step in steps), self._gateway, caller_id_of(caller)
        )
        failure = ""
        if not usages:
            failure = "NoUsages"
        elif not any(step.routes for step in steps):
            failure = "NoRoute"
        elif not found:
            failure = "NoGateway"
        return attrs.evolve(begun, usages=steps, attempts=found, failure=failure)

    def _emergency(self, caller: User, dialled: str, meant: EmergencyNumber) -> Itinerary:
        """Whatever gets through: the number's usage, the caller's, any route, any gateway."""
        policy = self.policy_of(caller)
        usages = (*filter(None, [meant.usage]), *policy.usages)
        forms = (meant.name, f"+{meant.name}")
        steps = voice_routing.steps(tuple(dict.fromkeys(usages)), self._routes, *forms)
        found = voice_routing.attempts(
            [
                *((step.usage, step.routes) for step in steps),
                ("", voice_routing.in_order(self._routes, *forms)),
            ],
            self._gateway,
            caller_id_of(caller),
        )
        known = {one.gateway.name for one in found}
        last = tuple(
            Attempt(one, voice_routing.LAST_RESORT, "", caller_id_of(caller))
            for one in self.gateways
            if one.name not in known
        )
        return Itinerary(
            dialled,
            meant.name,
            emergency=meant.name,
            policy=policy.name,
            usages=steps,
            attempts=(*found, *last),
            failure="" if found or last else "NoGateway",
        )

    # -- the inside --------------------------------------------------------------------------

    @property
    def _routes(self) -> list[VoiceRoute]:
        return cast(list[VoiceRoute], self.things("routes"))

    def _gateway(self, name: str) -> Gateway | None:
        return cast("Gateway | None", self.named("gateways", name))


def number_of(users: Users, uri: str) -> str:
    """The number by which somebody is shown who calls, a user here or not; "" for none."""
    user = users.find(uri)
    if user is not None:
        return caller_id_of(user)
    return uri[4:] if uri.startswith("tel:") else ""


def caller_id_of(user: User) -> str:
    """The number that a user's calls show."""
    return user.work_phone
