"""Voice routing of this system: its settings in memory, their changes, and what they decide.

Scopes are those of Skype for Business Server, each object as a whole: what is granted to the user,
else that of the user's site, else the global one; a dial plan may also be for the service (the
pool) and then comes between the user's and the site's.  The global ones always are: to remove one
brings its defaults back.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import attrs
import msgspec

from mobility.domain import voice_routing
from mobility.domain.ledger import Conflict, Ledger, Unit
from mobility.domain.locks import Lock
from mobility.domain.records import User, VoiceGrant, VoiceSetting
from mobility.domain.users import Users
from mobility.domain.voice_objects import (
    GLOBAL,
    KINDS,
    SCOPED,
    SINGULAR,
    DialPlan,
    EmergencyNumber,
    Gateway,
    VoiceObject,
    VoicePolicy,
    VoiceRoute,
    identity,
    made,
    nearest,
    references_of,
)
from mobility.domain.voice_routing import Attempt, Itinerary
from mobility.errors import Parameter, Refusal, validation_failure

PER_KIND = 10_000
"""Objects of one kind (our choice)."""

DEFAULTS: dict[str, VoiceObject] = {kind: made(kind, GLOBAL, {}) for kind in SCOPED}
"""The global object of each kind, as long as nobody has changed it."""

EVERYWHERE = (EmergencyNumber("112"), EmergencyNumber("911"))
"""What is an emergency number while administrators name none (3GPP TS 22.101 section 10.1.1)."""

GRANTED = {"voice_policy": "policies", "dial_plan": "dial-plans"}
"""What can be granted to a user, to its kind."""


Watcher = Callable[[], Callable[[], Awaitable[None]]]
"""Is called before a change, and what it gives after it: who may do what now is told."""


@attrs.frozen(slots=True)
class Stored:
    """An object and its version, 0 for a global one that nobody has changed."""

    thing: VoiceObject
    version: int


class Voice:
    """The voice settings of this system; changes are made one after another."""

    def __init__(self, ledger: Ledger, users: Users, service: str = "") -> None:
        """`service` is the name of this pool, as in the identity of a dial plan for it."""
        self._ledger = ledger
        self._users = users
        self._service = service.casefold()
        self._lock = Lock()
        self.watchers: list[Watcher] = []
        self._stored: dict[str, dict[str, Stored]] = {kind: {} for kind in KINDS}
        self._grants: dict[str, VoiceGrant] = {}

    def load(self, settings: Iterable[VoiceSetting], grants: Iterable[VoiceGrant]) -> None:
        """Take what is stored; once, at start."""
        for row in settings:
            thing = msgspec.json.decode(row.document, type=KINDS[row.kind])
            self._stored[row.kind][row.name] = Stored(thing, row.version)
        self._grants = {row.user_uri: row for row in grants}

    # -- what administrators see and change --------------------------------------------------

    def all(self, kind: str) -> list[Stored]:
        """The objects of a kind in the order of their names, the global one first."""
        known = self._stored[kind]
        rest = [known[key] for key in sorted(known) if key != GLOBAL]
        return [self._find(kind, GLOBAL), *rest] if kind in SCOPED else rest

    def find(self, kind: str, name: str) -> Stored:
        """The object of a name in any case.  404 NotFound when there is none."""
        shown = identity(kind, name)
        known = self._stored[kind]
        if shown.casefold() not in known and not (kind in SCOPED and shown == GLOBAL):
            hint = nearest(shown, [cast(Any, one.thing).name for one in known.values()])
            what = f"There is no {SINGULAR[kind]} {shown!r}{hint}"
            raise Refusal("NotFound", None, what if hint else f"{what}.")
        return self._find(kind, shown)

    async def add(self, kind: str, name: object, values: Mapping[str, object]) -> Stored:
        """Store a new object.

        Raises PeerFault for wrong values, Refusal (409) when the name is taken.
        """
        thing = made(kind, name, values)
        async with self._changing():
            taken = thing.name.casefold() in self._stored[kind]
            if taken or (kind in SCOPED and thing.name == GLOBAL):
                what = f"There is a {SINGULAR[kind]} {thing.name!r} already."
                raise Refusal("Conflict", "AlreadyExists", what)
            if len(self._stored[kind]) >= PER_KIND:
                raise Refusal("Conflict", "LimitExceeded", f"There are {PER_KIND} already.")
            return await self._save(kind, thing, 1)

    async def change(
        self, kind: str, name: str, values: Mapping[str, object], version: int
    ) -> Stored:
        """Store other values of the object that is at `version`.

        Raises PeerFault for wrong values, Refusal: 404, or 409 when somebody has changed it since.
        """
        async with self._changing():
            before = self.find(kind, name)
            self._check_version(before, version)
            thing = made(kind, None, values, before.thing)
            return await self._save(kind, thing, before.version + 1)

    async def remove(self, kind: str, name: str, version: int) -> None:
        """Forget the object that is at `version`; a global one gets its defaults back.

        What was granted to users is taken from them.  Raises Refusal: 404, or 409 when it is in use
        or somebody has changed it since.
        """
        async with self._changing():
            before = self.find(kind, name)
            self._check_version(before, version)
            shown = cast(Any, before.thing).name
            used = [
                f"{SINGULAR[other]} {cast(Any, one.thing).name}"
                for other in KINDS
                for one in self._stored[other].values()
                for _, referred, its_name in references_of(one.thing)
                if referred == kind and its_name.casefold() == shown.casefold()
            ]
            if used:
                what = f"The {SINGULAR[kind]} {shown!r} is used by {', '.join(sorted(set(used)))}."
                raise Refusal("Conflict", None, what)
            unit = Unit()
            unit.remove(VoiceSetting(kind, shown.casefold(), before.version, ""))
            grants = self._taken_back(kind, shown)
            unit.save(*grants)
            await self._commit(unit)
            self._stored[kind].pop(shown.casefold(), None)
            self._grants.update((one.user_uri, one) for one in grants)

    def grant_of(self, user_uri: str) -> VoiceGrant:
        """What is granted to a user; version 0 when nothing ever was."""
        return self._grants.get(user_uri) or VoiceGrant(user_uri, 0)

    async def grant(self, user_uri: str, values: Mapping[str, object], version: int) -> VoiceGrant:
        """Grant a voice policy or a dial plan to a user, or take it back ("").

        Raises PeerFault for wrong values, Refusal: 404 for a stranger, or 409 when somebody has
        changed the user's grants since `version`.
        """
        async with self._changing():
            user = self._user(user_uri)
            before = self.grant_of(user.uri)
            self._check_version(before, version)
            granted = {key: self._granted(key, value) for key, value in values.items()}
            after = attrs.evolve(before, version=before.version + 1, **cast(Any, granted))
            unit = Unit()
            unit.save(after)
            await self._commit(unit)
            self._grants[user.uri] = after
            return after

    async def forget(self, user: User, now: float) -> None:  # noqa: ARG002  # a Departure
        """Forget what was granted to a user who is gone."""
        async with self._lock:
            if user.uri in self._grants:
                unit = Unit()
                unit.remove(self._grants[user.uri])
                await self._commit(unit)
                del self._grants[user.uri]

    # -- what they decide --------------------------------------------------------------------

    def policy_of(self, user: User) -> VoicePolicy:
        """The voice policy that rules a user."""
        granted = self.grant_of(user.uri).voice_policy
        return cast(VoicePolicy, self._first("policies", granted, f"site:{user.site}"))

    def dial_plan_of(self, user: User) -> DialPlan:
        """The dial plan that a user dials by."""
        granted = self.grant_of(user.uri).dial_plan
        service = f"service:{self._service}"
        return cast(DialPlan, self._first("dial-plans", granted, service, f"site:{user.site}"))

    @property
    def emergency_numbers(self) -> tuple[EmergencyNumber, ...]:
        """Those that administrators set, else those of everywhere."""
        own = tuple(cast(EmergencyNumber, one.thing) for one in self.all("emergency-numbers"))
        return own or EVERYWHERE

    @property
    def gateways(self) -> tuple[Gateway, ...]:
        """Those that are enabled."""
        found = (cast(Gateway, one.thing) for one in self.all("gateways"))
        return tuple(one for one in found if one.enabled)

    @property
    def has_gateway(self) -> bool:
        """Whether any gateway is enabled."""
        return any(cast(Gateway, one.thing).enabled for one in self._stored["gateways"].values())

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
        return self._outside(begun, usages, callee)

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

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        """One change at a time; those who watch are told of it."""
        async with self._lock:
            told = [watch() for watch in self.watchers]
            yield
            for tell in told:
                await tell()

    @property
    def _routes(self) -> list[VoiceRoute]:
        return [cast(VoiceRoute, one.thing) for one in self._stored["routes"].values()]

    def _gateway(self, name: str) -> Gateway | None:
        stored = self._stored["gateways"].get(name.casefold())
        return cast(Gateway, stored.thing) if stored is not None else None

    def _find(self, kind: str, shown: str) -> Stored:
        stored = self._stored[kind].get(shown.casefold())
        return stored or Stored(DEFAULTS[kind], 0)

    def _first(self, kind: str, *names: str) -> VoiceObject:
        """The object of the first name that is one, else the global one."""
        for name in names:
            if (stored := self._stored[kind].get(name.casefold())) is not None:
                return stored.thing
        return self._find(kind, GLOBAL).thing

    def _user(self, uri: str) -> User:
        user = self._users.find(uri)
        if user is None:
            raise Refusal("NotFound", None, "There is no user with this SIP URI.")
        return user

    def _granted(self, key: str, value: object) -> str:
        kind = GRANTED.get(key)
        if kind is None:
            rule = f"cannot be granted{nearest(key, GRANTED)}"
            raise validation_failure(Parameter(key, rule))
        if value in ("", None):
            return ""
        if not isinstance(value, str):
            raise validation_failure(Parameter(key, f"must be the name of a {SINGULAR[kind]}"))
        shown = identity(kind, value)
        stored = self._stored[kind].get(shown.casefold())
        if stored is None or not shown.startswith("tag:"):
            tags = [
                cast(Any, one.thing).name.removeprefix("tag:")
                for one in self._stored[kind].values()
            ]
            what = f"names no {SINGULAR[kind]} for users"
            near = nearest(shown.removeprefix("tag:"), tags)
            raise validation_failure(Parameter(key, f"is {value!r}, which {what}{near}"))
        return cast(str, cast(Any, stored.thing).name)

    def _taken_back(self, kind: str, shown: str) -> list[VoiceGrant]:
        """The grants of those who held an object, without it."""
        keys = [key for key, granted in GRANTED.items() if granted == kind]
        taken: dict[str, Any] = dict.fromkeys(keys, "")
        return [
            attrs.evolve(one, version=one.version + 1, **taken)
            for one in self._grants.values()
            if any(getattr(one, key).casefold() == shown.casefold() for key in keys)
        ]

    @staticmethod
    def _check_version(before: Stored | VoiceGrant, version: int) -> None:
        if before.version != version:
            raise Refusal(
                "Conflict",
                None,
                f"Somebody has changed it since: it is at version {before.version}, not {version}.",
            )

    async def _save(self, kind: str, thing: Any, version: int) -> Stored:
        wrong = [
            Parameter(field, f"is {name!r}, which is no {SINGULAR[referred]}{near}")
            for field, referred, name in references_of(thing)
            if name.casefold() not in self._stored[referred]
            for near in [nearest(name, self._names(referred))]
        ]
        if wrong:
            raise validation_failure(*wrong)
        document = msgspec.json.encode(thing).decode()
        unit = Unit()
        unit.save(VoiceSetting(kind, thing.name.casefold(), version, document))
        await self._commit(unit)
        stored = Stored(thing, version)
        self._stored[kind][thing.name.casefold()] = stored
        return stored

    def _names(self, kind: str) -> list[str]:
        return [cast(Any, one.thing).name for one in self._stored[kind].values()]

    async def _commit(self, unit: Unit) -> None:
        try:
            await self._ledger.commit(unit)
        except Conflict as error:
            raise Refusal("Conflict", None, "Somebody has changed it since.") from error


def caller_id_of(user: User) -> str:
    """The number that a user's calls show."""
    return user.work_phone
