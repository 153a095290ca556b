"""Where an incoming call rings: from what the callee has set to a plan.  Pure.

The rules are those of UCWA's `callForwardingSettings`:

- A callee without Enterprise Voice, or outside the hours for which it has set something, is called
  by the default rules: its devices ring, and voicemail answers after a while where there is one.
- With ImmediateForward the callee does not ring.  A contact is called by its own rules, so a call
  may be sent on several times; delegates ring all at once, and voicemail answers at once.
- With SimultaneousRing others ring beside the callee, at once or later.  They, and delegates, are
  rung without regard to what they have set for their own calls, as a call that must not be diverted
  again (Ms-Sensitivity: private-no-diversion): so a call never spreads without end.
- A call nobody answers is sent to a contact, which is called by its own rules, or to voicemail.
  Where a call was sent on and nothing else follows, the voicemail of who sent it answers.

A setting that leads nowhere (no delegates any more, a loop, more than `MAX_DIVERSIONS`) is as if
it were off.  The caller never rings itself; a delegate who calls its delegator rings it, though
others are sent to the delegates.
"""

from collections.abc import Callable, Iterator, Sequence

import attrs

from mobility.domain.records import CallForwarding
from mobility.domain.working_hours import WorkingHours

VOICEMAIL = "voicemail"
"""The place that is the voicemail of who sends the call there."""

MAX_DIVERSIONS = 5
"""How often one call is sent on (our choice: as many as common switches take)."""

DEFAULT_UNANSWERED_S = 20
"""Seconds until voicemail answers unless the user says otherwise (our choice: what the clients
propose)."""


@attrs.frozen(slots=True)
class Directory:
    """What a plan is made from; all functions take the URI of a user.

    `known` says whether a user exists here and may sign in, `voice` whether it has Enterprise
    Voice too.  `may_forward` and `may_ring_too` say what its voice policy allows, and `settings`
    what it has set.  `place_of` gives the place that a contact of a user's settings is, "" for one
    that calls do not reach; its last argument says that it rings beside the user.  `voicemail` says
    whether there is any.
    """

    known: Callable[[str], bool]
    voice: Callable[[str], bool]
    may_forward: Callable[[str], bool]
    may_ring_too: Callable[[str], bool]
    settings: Callable[[str], CallForwarding]
    delegates_of: Callable[[str], Sequence[str]]
    team_of: Callable[[str], Sequence[str]]
    place_of: Callable[[str, str, bool], str]
    voicemail: bool
    hours: WorkingHours


@attrs.frozen(slots=True)
class Ring:
    """One place that rings: a user's devices (a URI), a number (`tel:...`) or VOICEMAIL.

    It begins `after_s` seconds after the plan does.  `forwarded_by` is the user who sent the call
    there, "" for the one who was called and for those who ring beside it; `on_behalf_of` is the
    delegator for whom a delegate rings.  `role` is callee, contact, delegate, team or voicemail.
    """

    place: str = attrs.field(repr=False)
    role: str
    after_s: int = 0
    forwarded_by: str = ""
    on_behalf_of: str = ""


@attrs.frozen(slots=True)
class Redirection:
    """Where the call goes when nobody has answered `after_s` seconds after the plan began.

    `to` is a user's URI, a number (`tel:...`) or VOICEMAIL; `by` is the user who has set so.
    """

    after_s: int
    to: str = attrs.field(repr=False)
    by: str


@attrs.frozen(slots=True)
class Plan:
    """Who rings, in order of time, and what follows when nobody answers, None for nothing.

    Somebody rings at once.  `callee` is the user whose rules these are: who was called, or to whom
    the call was sent on.  `passed` are the users who sent it on before, oldest first.
    """

    callee: str
    rings: tuple[Ring, ...]
    then: Redirection | None
    passed: tuple[str, ...] = ()

    def lasts_s(self, ringing_s: float) -> float:
        """How long it rings before it is given up or redirected.

        `ringing_s` is how long any place may ring where nothing follows.
        """
        if self.then is not None:
            return self.then.after_s
        return self.rings[-1].after_s + ringing_s


def route(
    caller: str, callee: str, directory: Directory, now: float, passed: Sequence[str] = ()
) -> Plan:
    """The plan for a call of `caller` (a user's URI, `tel:...`, or "" for unknown) to a user.

    `passed` are the users who have sent this very call on already, oldest first; they are not
    called again.
    """
    router = _Router(caller, directory, now)
    return router.plan(callee, tuple(passed))


def follow(caller: str, plan: Plan, directory: Directory, now: float) -> Plan | None:
    """The plan after nobody has answered: what `plan.then` leads to, None for nothing."""
    then = plan.then
    if then is None:
        return None
    passed = (*plan.passed, plan.callee)
    if then.to == VOICEMAIL:
        return _voicemail(then.by, tuple(one for one in plan.passed if one != then.by))
    if is_number(then.to):
        ring = Ring(then.to, "contact", forwarded_by=then.by)
        last = _last_resort(directory, plan.callee)
        return Plan(plan.callee, (ring,), last, plan.passed)
    return route(caller, then.to, directory, now, passed)


def deflect(
    caller: str, callee: str, contact: str, directory: Directory, now: float, passed: Sequence[str]
) -> Plan | None:
    """The plan after a device of `callee` has sent the call on to a contact or to VOICEMAIL.

    It is that of a callee who forwards all calls there: None where no call would go so.
    """
    if contact == VOICEMAIL:
        return _voicemail(callee, tuple(passed)) if directory.voicemail else None
    router = _Router(caller, directory, now)
    sent = router.to_contact(callee, tuple(passed), contact)
    return router.plan(sent, (*passed, callee)) if isinstance(sent, str) else sent


@attrs.frozen(slots=True)
class _Router:
    caller: str
    directory: Directory
    now: float

    def plan(self, callee: str, passed: tuple[str, ...]) -> Plan:
        while True:
            settings = self._settings(callee)
            if settings.active_setting != "ImmediateForward":
                return self._ringing(callee, passed, settings)
            sent = self._sent_on(callee, passed, settings)
            if sent is None:
                return self._ringing(callee, passed, settings)
            if isinstance(sent, Plan):
                return sent
            callee, passed = sent, (*passed, callee)

    def _settings(self, uri: str) -> CallForwarding:
        """What is in force for a user now."""
        if not self.directory.voice(uri):
            return CallForwarding(uri, unanswered="Disabled")
        settings = self.directory.settings(uri)
        in_force = settings.active_period == "Always" or self.directory.hours.cover(self.now)
        return settings if in_force else CallForwarding(uri)

    def _sent_on(
        self, callee: str, passed: tuple[str, ...], settings: CallForwarding
    ) -> Plan | str | None:
        """The plan of a callee that does not ring, or the user to call instead; None: it rings."""
        last = _last_resort(self.directory, callee)
        match settings.forward_target:
            case "Voicemail" if self.directory.voicemail:
                return _voicemail(callee, passed)
            case "Delegates" if self._may_send_to_delegates(callee):
                rings = tuple(self._delegates(callee, passed, forwarded_by=callee))
                return Plan(callee, rings, last, passed) if rings else None
            case "Contact":
                return self.to_contact(callee, passed, settings.forward_contact)
        return None

    def to_contact(self, callee: str, passed: tuple[str, ...], contact: str) -> Plan | str | None:
        """The same, of a callee who sends calls to a contact."""
        place = self._next(callee, passed, contact)
        if place and is_number(place):
            ring = Ring(place, "contact", forwarded_by=callee)
            return Plan(callee, (ring,), _last_resort(self.directory, callee), passed)
        return place or None

    def _ringing(self, callee: str, passed: tuple[str, ...], settings: CallForwarding) -> Plan:
        """The plan of a callee whose devices ring."""
        then = self._unanswered(callee, passed, settings)
        if then is None and passed:
            then = _last_resort(self.directory, passed[-1])
        by = passed[-1] if passed else ""
        rings = [Ring(callee, "callee", forwarded_by=by)]
        if settings.active_setting == "SimultaneousRing" and self.directory.may_ring_too(callee):
            rings += self._beside(callee, passed, settings)
        if then is not None:
            rings = [ring for ring in rings if ring.after_s < then.after_s]
        return Plan(callee, tuple(rings), then, passed)

    def _beside(
        self, callee: str, passed: tuple[str, ...], settings: CallForwarding
    ) -> Iterator[Ring]:
        delay = settings.ring_delay_s
        match settings.ring_target:
            case "Contact":
                place = self.directory.place_of(callee, settings.ring_contact, True)
                if self._may_ring(place, callee, passed):
                    yield Ring(place, "contact", delay)
            case "Delegates":
                yield from self._delegates(callee, passed, delay)
            case "Team":
                for uri in self.directory.team_of(callee):
                    if self._may_ring(uri, callee, passed):
                        yield Ring(uri, "team", delay)

    def _delegates(
        self, callee: str, passed: tuple[str, ...], delay: int = 0, forwarded_by: str = ""
    ) -> Iterator[Ring]:
        for uri in self.directory.delegates_of(callee):
            if self._may_ring(uri, callee, passed):
                yield Ring(uri, "delegate", delay, forwarded_by, on_behalf_of=callee)

    def _unanswered(
        self, callee: str, passed: tuple[str, ...], settings: CallForwarding
    ) -> Redirection | None:
        """What follows when nobody answers."""
        if settings.unanswered == "Disabled":
            return None
        delay = settings.unanswered_delay_s
        if settings.unanswered_target == "Contact":
            place = self._next(callee, passed, settings.unanswered_contact)
            if place:
                return Redirection(delay, place, callee)
        if self.directory.voicemail:
            return Redirection(delay, VOICEMAIL, callee)
        return None

    def _next(self, callee: str, passed: tuple[str, ...], contact: str) -> str:
        """Where a call is sent on to; "" where it would go in a circle or too far."""
        place = self.directory.place_of(callee, contact, False)
        if len(passed) >= MAX_DIVERSIONS or not self._may_ring(place, callee, passed):
            return ""
        return place

    def _may_ring(self, place: str, callee: str, passed: tuple[str, ...]) -> bool:
        if place in ("", self.caller, callee, *passed):
            return False
        return is_number(place) or self.directory.known(place)

    def _may_send_to_delegates(self, callee: str) -> bool:
        """A delegate's own calls to its delegator ring there."""
        if not self.directory.may_forward(callee):
            return False
        return self.caller not in self.directory.delegates_of(callee)


def _voicemail(callee: str, passed: tuple[str, ...]) -> Plan:
    ring = Ring(VOICEMAIL, "voicemail", forwarded_by=callee)
    return Plan(callee, (ring,), None, passed)


def _last_resort(directory: Directory, callee: str) -> Redirection | None:
    """Voicemail, where those to whom calls are sent at once do not answer either."""
    if not directory.voicemail:
        return None
    settings = directory.settings(callee)
    return Redirection(settings.unanswered_delay_s, VOICEMAIL, callee)


def is_number(place: str) -> bool:
    """Whether a place or a contact is a telephone number, not a user."""
    return place.startswith("tel:")
