"""Privacy relationships: what each user lets another see, and whether that one may reach it.

The levels and what they show are those of Lync and Skype for Business, "Control access to your
presence information" (Microsoft support) and `PresenceRelationshipLevel` of UCMA 3.0.  Who was
given no level has the automatic one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

import attrs

from mobility.domain.addresses import domain_of
from mobility.domain.applications import Applications
from mobility.domain.facts import ContactSeenAnew, PrivacyChanged
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locks import Locks
from mobility.domain.phones import KINDS, visible_numbers
from mobility.domain.presence import PresenceBook
from mobility.domain.records import Presence, PrivacyRelationship, User
from mobility.errors import Refusal

BLOCKED, EXTERNAL, COLLEAGUES, WORKGROUP, FRIENDS_AND_FAMILY = LEVELS = (
    "Blocked",
    "External",
    "Colleagues",
    "Workgroup",
    "FriendsAndFamily",
)
"""PrivacyRelationshipLevel without Unknown, which nobody can be given."""

URGENT = "urgent-interruptions-only"
"""The activity that DoNotDisturb has for who may interrupt it (MS-PRES, `state` activity tokens:
Lync publishes another aggregated state to the Workgroup container)."""


@attrs.frozen(slots=True)
class Sight:
    """What one level shows.

    `presence`: availability, activity, device and modalities; `words`: note and location;
    `card`: title, company, department, office and photo; `phones`: kinds of phone.  `reaches`:
    whether calls and messages come through; `interrupts`: also while the user is DoNotDisturb.
    """

    presence: bool = True
    words: bool = True
    card: bool = True
    phones: frozenset[str] = frozenset(KINDS)
    last_active: bool = True
    reaches: bool = True
    interrupts: bool = False

    @property
    def hidden(self) -> frozenset[str]:
        """The parts of a presence (the names of its numbers) whose changes are not told."""
        return frozenset(
            (*(() if self.presence else _STATES), *(() if self.words else _WORDS)),
        )


_STATES = ("presence_number", "media_number")
_WORDS = ("note_number", "location_number")

SIGHTS: Mapping[str, Sight] = {
    BLOCKED: Sight(
        presence=False,
        words=False,
        card=False,
        phones=frozenset(),
        last_active=False,
        reaches=False,
    ),
    EXTERNAL: Sight(words=False, phones=frozenset(), last_active=False),
    COLLEAGUES: Sight(phones=frozenset({"work"}), last_active=False),
    WORKGROUP: Sight(phones=frozenset({"work", "mobile"}), interrupts=True),
    FRIENDS_AND_FAMILY: Sight(),
}

SELF = Sight()
"""What users see of themselves."""

_HIDDEN = {level: sight.hidden for level, sight in SIGHTS.items()}
_NOTHING: frozenset[str] = frozenset()
_NONE: Mapping[str, str] = {}


class Privacy:
    """The privacy relationships of this system, all in memory (some 200 bytes each).

    `per_user` is how many a user may assign.
    """

    def __init__(
        self,
        ledger: Ledger,
        applications: Applications,
        presence: PresenceBook,
        domains: Collection[str],
        per_user: int,
    ) -> None:
        self._ledger = ledger
        self._applications = applications
        self._presence = presence
        self._domains = frozenset(domains)
        self._per_user = per_user
        self._levels: dict[str, dict[str, str]] = {}
        self._locks = Locks()
        self.changes: list[Callable[[str, str], None]] = []
        """Told of an owner and a contact who sees more or less of it than before."""

    def load(self, relationships: Iterable[PrivacyRelationship]) -> None:
        """Take the stored relationships into memory."""
        for one in relationships:
            self._levels.setdefault(one.owner_uri, {})[one.contact_uri] = one.level

    def assigned(self, owner_uri: str) -> Mapping[str, str]:
        """Contact URI to the level that the owner gave it."""
        return self._levels.get(owner_uri, _NONE)

    def level(self, owner_uri: str, contact_uri: str) -> str:
        """The level of a contact: the assigned one, else Colleagues for people of the SIP domains
        served here and External for all others."""
        given = self._levels.get(owner_uri, _NONE).get(contact_uri)
        if given is not None:
            return given
        return COLLEAGUES if domain_of(contact_uri) in self._domains else EXTERNAL

    def sight(self, owner_uri: str, watcher_uri: str) -> Sight:
        """What `watcher_uri` sees of `owner_uri`, and whether it may reach it."""
        if owner_uri == watcher_uri:
            return SELF
        return SIGHTS[self.level(owner_uri, watcher_uri)]

    def hidden(self, owner_uri: str, watcher_uri: str) -> frozenset[str]:
        """The names of the numbers of the owner's presence that the watcher does not hear of."""
        if owner_uri == watcher_uri:
            return _NOTHING
        return _HIDDEN[self.level(owner_uri, watcher_uri)]

    def hidden_from(self, owner_uri: str) -> Callable[[str], frozenset[str]]:
        """`hidden` of one owner, for many watchers in turn."""
        if self._levels.get(owner_uri):
            return partial(self.hidden, owner_uri)
        domains, inside, outside = self._domains, _HIDDEN[COLLEAGUES], _HIDDEN[EXTERNAL]

        def hidden(watcher_uri: str) -> frozenset[str]:
            if watcher_uri == owner_uri:
                return _NOTHING
            return inside if watcher_uri.rpartition("@")[2] in domains else outside

        return hidden

    def obstacle(self, callee_uri: str, caller_uri: str) -> str:
        """What keeps a call or message from ringing: "Blocked", "DoNotDisturb", or ""."""
        sight = self.sight(callee_uri, caller_uri)
        if not sight.reaches:
            return BLOCKED
        busy = self._presence.of(callee_uri).availability == "DoNotDisturb"
        return "DoNotDisturb" if busy and not sight.interrupts else ""

    async def assign(self, owner_uri: str, contact_uri: str, level: str, known: str) -> None:
        """Give a contact a level, if it still has the `known` one (contactPrivacyRelationship PUT).

        403 OperationNotSupported for oneself, 412 PreconditionFailed when the level is another by
        now, 403 LimitExceeded above the limit.
        """
        async with self._locks.of(owner_uri):
            _must_be_another(owner_uri, contact_uri)
            if self.level(owner_uri, contact_uri) != known:
                raise Refusal("PreconditionFailed", None, "The level is another by now.")
            given = self.assigned(owner_uri)
            if given.get(contact_uri) == level:
                return
            if contact_uri not in given and len(given) >= self._per_user:
                raise Refusal("Forbidden", "LimitExceeded", "Too many privacy relationships.")
            unit = Unit()
            unit.save(PrivacyRelationship(owner_uri, contact_uri, level))
            self._tell(unit, owner_uri, contact_uri, seen_anew=level != known)
            await self._ledger.commit(unit)
            self._levels.setdefault(owner_uri, {})[contact_uri] = level
        self._seen_anew(owner_uri, contact_uri)

    async def reset(self, owner_uri: str, contact_uri: str) -> None:
        """Give a contact the automatic level again (resetContactPrivacyRelationship).

        403 OperationNotSupported for oneself.
        """
        async with self._locks.of(owner_uri):
            _must_be_another(owner_uri, contact_uri)
            level = self.assigned(owner_uri).get(contact_uri)
            if level is None:
                return
            unit = Unit()
            unit.remove(PrivacyRelationship(owner_uri, contact_uri, level))
            self._tell(unit, owner_uri, contact_uri, seen_anew=True)
            await self._ledger.commit(unit)
            self._drop(owner_uri, contact_uri)
        self._seen_anew(owner_uri, contact_uri)

    async def take_leave(self, user: User, unit: Unit) -> Callable[[], None]:
        """A user is removed, and with it what it assigned and what it was given (a Farewell)."""
        uri = user.uri
        pairs = [(uri, contact_uri) for contact_uri in self.assigned(uri)]
        pairs += [(owner_uri, uri) for owner_uri, given in self._levels.items() if uri in given]
        unit.remove(*(PrivacyRelationship(*pair, "") for pair in pairs))

        def stored() -> None:
            for pair in pairs:
                self._drop(*pair)

        return stored

    def _seen_anew(self, owner_uri: str, contact_uri: str) -> None:
        for told in self.changes:
            told(owner_uri, contact_uri)

    def _drop(self, owner_uri: str, contact_uri: str) -> None:
        given = self._levels.get(owner_uri, {})
        given.pop(contact_uri, None)
        if not given:
            self._levels.pop(owner_uri, None)

    def _tell(self, unit: Unit, owner_uri: str, contact_uri: str, *, seen_anew: bool) -> None:
        """The owner's applications hear of the level, those of a watching contact of what it sees
        now."""
        for endpoint in self._applications.of_user(owner_uri):
            if not endpoint.ending:
                unit.append(endpoint.id, PrivacyChanged(contact_uri))
        watchers = self._presence.watchers(owner_uri) if seen_anew else ()
        for endpoint in self._applications.of_user(contact_uri):
            if endpoint.id in watchers and not endpoint.ending:
                unit.append(endpoint.id, ContactSeenAnew(owner_uri))


def seen_presence(presence: Presence, sight: Sight) -> Presence:
    """A presence as somebody sees it; who is not let see it sees one who is Offline."""
    blank = Presence(presence.user_uri)
    hidden = [] if sight.presence else ["availability", "activity", "device_type", "modalities"]
    if not sight.words:
        hidden += ["note", "note_type", "location"]
    if not sight.last_active:
        hidden.append("last_active_at")
    seen = attrs.evolve(presence, **{name: getattr(blank, name) for name in hidden})
    if sight.interrupts and seen.availability == "DoNotDisturb" and not seen.activity:
        return attrs.evolve(seen, activity=URGENT)
    return seen


def seen_user(user: User, sight: Sight) -> User:
    """A user's card as somebody sees it: what is hidden is empty."""
    numbers = seen_numbers(user, sight)
    changes = {f"{kind}_phone": number for kind, number in numbers.items()}
    if not sight.card:
        changes |= dict.fromkeys(("title", "department", "company", "office"), "")
    return attrs.evolve(user, **changes)  # type: ignore[arg-type]  # text fields only


def seen_numbers(user: User, sight: Sight) -> dict[str, str]:
    """The numbers that somebody sees, by kind, "" for one that is hidden.

    What another directory says of its users is for all whom they have not blocked, as the
    documentation of the levels has it.
    """
    shown = KINDS if user.source and sight.reaches else sight.phones
    return {kind: number if kind in shown else "" for kind, number in visible_numbers(user).items()}


def _must_be_another(owner_uri: str, contact_uri: str) -> None:
    if owner_uri == contact_uri:
        raise Refusal("Forbidden", "OperationNotSupported", "Nobody has a level for themselves.")
