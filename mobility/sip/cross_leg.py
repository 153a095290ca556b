"""Two ends of two calls that were joined: each takes the place of a leg that is gone.

After a transfer the one who transferred the call has left two conversations, or one and a new one.
A pair of `CrossLeg`s stands there in its place: what the other end of one conversation offers goes
to the other end of the other one, and its answer comes back.
"""

from collections.abc import Callable
from typing import Protocol

from mobility.domain.telephone import Party
from mobility.domain.tones import Told, Tone
from mobility.sip.leg_owner import Ending, Owner
from mobility.sip.leg_states import Legged


class Joined(Protocol):
    """What a line needs of its leg, whichever kind that is."""

    local: str

    @property
    def is_over(self) -> bool: ...

    @property
    def call_id(self) -> str: ...

    @property
    def offer_waits(self) -> bool: ...

    def reoffer(self, description: str | None) -> None: ...

    def take_back(self) -> bool: ...

    def answer_offer(self, description: str) -> None: ...

    def refuse_offer(self, status: int = 488) -> None: ...

    def press(self, tone: Tone, told: Told) -> None: ...

    def hang_up(self, *reasons: str) -> None: ...


class Calling(Joined, Protocol):
    """What the line of who calls needs of its leg."""

    def progress(self, status: int, description: str = "", source: str = "") -> None: ...

    def answer(self, description: str) -> None: ...

    def refuse(self, status: int, *reasons: str) -> None: ...


class Pending(Protocol):
    """A transfer that is under way."""

    def left(self) -> bool:
        """Who transfers has hung up: whether the other end is kept for the transfer."""

    def abandon(self) -> None:
        """The other end has hung up."""


class Transferor(Owner, Protocol):
    """Who transfers a call: the owner of the leg by which REFER has come.

    `transfer` is the transfer that is under way, None for none.
    """

    transfer: Pending | None

    @property
    def leg(self) -> Joined: ...

    @property
    def party(self) -> Party:
        """As what it takes part in the call."""
        ...

    def replaced_by(self, leg: "CrossLeg") -> None:
        """Another leg takes the place of its own."""


class CrossLeg:
    """One of a pair; `local` is what the other end of its conversation has described last."""

    def __init__(self, owner: Owner, local: str, call_id: str) -> None:
        self.owner = owner
        self.local = local
        self.call_id = call_id
        self.is_over = False
        self.offer_waits = False
        self.other: CrossLeg | None = None
        self._then: Callable[[str], None] | None = None
        """What is done with the answer to the offer that is open, None when none is."""

    def join(self, other: "CrossLeg") -> None:
        self.other, other.other = other, self

    def describe(self) -> None:
        """Let both ends know each other's media: first the other one, then this one."""
        other = self.other
        if other is not None:
            self._ask(self.local, other.reoffer)

    def reoffer(self, description: str | None) -> None:
        if description is not None:
            self._ask(description, lambda answer: self.owner.agreed(self, answer))

    def take_back(self) -> bool:
        """The other end may answer yet; it is dealt with then."""
        return False

    def answer_offer(self, description: str) -> None:
        self.local = description
        asked = self.other
        if asked is not None and asked._then is not None:
            then, asked._then = asked._then, None
            then(description)

    def refuse_offer(self, status: int = 488) -> None:
        asked = self.other
        if asked is not None and asked._then is not None:
            asked._then = None
            asked.owner.disagreed(asked, status)

    def press(self, tone: Tone, told: Told) -> None:
        other = self.other
        if self.is_over or other is None:
            told(False)
        else:
            other.owner.pressed(other, tone, told)

    def hang_up(self, *reasons: str) -> None:  # noqa: ARG002  # there is no message to say it
        if self.is_over:
            return
        self.is_over = True
        other = self.other
        if other is not None and not other.is_over:
            other.is_over = True
            other.owner.ended(other, Ending(Legged.BYE))

    def _ask(self, description: str, then: Callable[[str], None]) -> None:
        other = self.other
        if self.is_over or other is None:
            return
        if self._then is not None or other._then is not None:
            self.owner.disagreed(self, 491)
            return
        self.local, self._then = description, then
        other.owner.offered(other, description)
