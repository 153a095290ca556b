"""One messaging session, and its leg."""

from typing import Protocol

import attrs
from twisted.internet.defer import Deferred

from mobility.domain.tones import Told, Tone
from mobility.sip import session_bodies
from mobility.sip.called_leg import CalledLeg
from mobility.sip.calling_leg import CallingLeg
from mobility.sip.core import Incoming
from mobility.sip.flow import Flow
from mobility.sip.leg import Leg
from mobility.sip.leg_owner import Ending, Refused
from mobility.sip.message import Request, Response
from mobility.sip.refusal import SipRefusal

Key = tuple[str, str]
"""Who is beyond, and the user here."""


class Keeper(Protocol):
    """What keeps the sessions there are."""

    def forget(self, session: "Session") -> None:
        """It is over."""

    def left(self, session: "Session", *, elsewhere: bool) -> None:
        """Who is beyond has ended it, because somebody has answered `elsewhere` or for another
        reason, or is lost."""

    def came(self, session: "Session", incoming: Incoming) -> None:
        """MESSAGE or INFO within the dialog.  Raises SipRefusal and Malformed."""


@attrs.define(eq=False)
class Session:
    """One session, the Owner of its leg.

    `html` says whether who is beyond takes HTML, `tells` whether it can tell what becomes of
    messages, `shown` that the text of our INVITE was shown.
    """

    keeper: Keeper = attrs.field(repr=False)
    beyond: str
    user: str
    name: str = ""
    leg: "CallingSession | CalledSession" = attrs.field(init=False, repr=False)
    html: bool = False
    tells: bool = False
    shown: bool = False
    elsewhere: bool = False
    flow: Flow | None = None
    _waiting: list[Deferred[int]] = attrs.field(factory=list, repr=False)

    @property
    def key(self) -> Key:
        return self.beyond, self.user

    @property
    def established(self) -> bool:
        """Whether messages can be sent."""
        return self.leg.state in ("Confirmed", "Answered")

    def takes(self, description: str) -> None:
        """Who is beyond has said what it takes."""
        self.html = session_bodies.takes_html(description)
        self.tells = session_bodies.tells(description)

    def answer_of(self) -> Deferred[int]:
        """The final status of its INVITE, 487 for one that was given up."""
        waiting: Deferred[int] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def settle(self, status: int) -> None:
        """The INVITE is answered for good."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(status)

    def close(self, status: int = 487) -> None:
        """End it."""
        self.leg.hang_up()
        self.keeper.forget(self)
        self.settle(status)

    # -- an Owner --------------------------------------------------------------------------------

    def progressed(self, leg: Leg, status: int, description: str) -> None:
        """It rings beyond."""

    def answered(self, leg: Leg, description: str) -> None:  # noqa: ARG002
        if session_bodies.is_session(description):
            self.takes(description)
            self.settle(200)
        else:
            self.close(488)

    def refused(self, leg: Leg, refused: Refused) -> None:  # noqa: ARG002
        self.keeper.forget(self)
        self.settle(refused.status)

    def offered(self, leg: object, description: str) -> None:  # noqa: ARG002
        if session_bodies.is_session(description):
            self.takes(description)
            self.leg.answer_offer(self.leg.local)
        else:
            self.leg.refuse_offer()

    def agreed(self, leg: object, description: str) -> None:
        """A refreshed session goes on."""

    def disagreed(self, leg: object, status: int) -> None:
        """It goes on as it was."""

    def offered_early(self, leg: object, answered: str, description: str) -> None:
        """Sessions have no early media."""

    def withdrawn(self, leg: object) -> None:
        """Offers are answered at once."""

    def referred(self, leg: Leg, incoming: Incoming) -> None:  # noqa: ARG002
        raise SipRefusal(603)

    def pressed(self, leg: object, tone: Tone, told: Told) -> None:  # noqa: ARG002
        """There is nothing to hear."""
        told(False)

    def ended(self, leg: object, ending: Ending) -> None:  # noqa: ARG002
        self.elsewhere = ending.elsewhere
        self.keeper.left(self, elsewhere=self.elsewhere)

    def came(self, incoming: Incoming) -> None:
        """MESSAGE or INFO within the dialog.  Raises SipRefusal and Malformed."""
        self.keeper.came(self, incoming)


class CallingSession(CallingLeg):
    """The leg of a session that begins here."""

    session: Session

    def requested(self, incoming: Incoming) -> None:
        if incoming.request.method in ("MESSAGE", "INFO"):
            self.session.came(incoming)
        else:
            super().requested(incoming)

    def _accepted(self, request: Request, response: Response) -> None:
        if session_bodies.OPTION in response.tokens("Supported"):
            self.session.shown = session_bodies.TEXT_FORMAT in request.fields
        super()._accepted(request, response)


class CalledSession(CalledLeg):
    """The leg of a session that begins beyond; `shown` says that its first text was taken."""

    session: Session
    shown = False

    def requested(self, incoming: Incoming) -> None:
        if incoming.request.method in ("MESSAGE", "INFO"):
            self.session.came(incoming)
        else:
            super().requested(incoming)

    def own_fields(self) -> list[tuple[str, str]]:
        fields = super().own_fields()
        return [*fields, ("Supported", session_bodies.OPTION)] if self.shown else fields
