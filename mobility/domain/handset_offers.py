"""New offers in calls in which an application takes part with its user's telephone.

What the other party offers anew goes to the telephone, and what the telephone offers to the other
party; the application hears nothing of either.
"""

from collections.abc import Callable
from functools import partial

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Endpoint
from mobility.domain.asked_offers import BACK, AskedOffers
from mobility.domain.call_policy import CallPolicies
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversations import Conversations
from mobility.domain.descriptions import Description
from mobility.domain.fitting import Fitting
from mobility.domain.ledger import Unit
from mobility.domain.records import Renegotiation
from mobility.domain.renegotiations import Renegotiations
from mobility.domain.telephone import Happening, TelephoneCall
from mobility.errors import Refusal

Key = tuple[str, str]
"""A conversation and an application in it."""

NEGOTIATES = frozenset({Happening.OFFERED, Happening.AGREED, Happening.DISAGREED})
"""What a telephone does that is for this."""

UNANSWERABLE = "MediaNegotiationFailure"
"""What who offered anew is told when the telephone does not take it."""


class HandsetOffers:
    """Takes new offers to and from the telephones that `find` finds."""

    def __init__(
        self,
        agenda: Agenda,
        conversations: Conversations,
        policies: CallPolicies,
        fitting: Fitting,
        find: Callable[[str, str], TelephoneCall | None],
        endpoint_of: Callable[[str], Endpoint | None],
    ) -> None:
        self._agenda = agenda
        self._conversations = conversations
        self._renegotiations = Renegotiations(agenda, conversations, policies)
        self._fitting = fitting
        self._find = find
        self._endpoint_of = endpoint_of
        self._asked: dict[Key, AskedOffers] = {}
        """The new offers that telephones were given."""
        self._offered: dict[Key, str] = {}
        """Those of telephones that wait for the other party."""
        self._early: dict[Key, tuple[str, Description]] = {}
        """What telephones that ring have answered last, as they said it and as it was taken."""
        conversations.changes.append(self._changed)

    def forget(self, key: Key) -> None:
        """The telephone is gone."""
        self._asked.pop(key, None)
        self._offered.pop(key, None)
        self._early.pop(key, None)

    def answered(self, key: Key, answer: Description | None) -> Description | None:
        """The answer of a telephone to the call: what it has agreed to while it rang, if it says
        that again."""
        said, taken = self._early.get(key, ("", None))
        return taken if answer is not None and answer.text == said else answer

    def _changed(
        self,
        unit: Unit,  # noqa: ARG002  # a Changing
        before: ActiveConversation,
        after: ActiveConversation,
    ) -> None:
        """Look again once the change is stored."""
        if after.renegotiation is not None and after.renegotiation != before.renegotiation:
            self._agenda.at(0.0, partial(self._look, before))

    async def _look(self, conversation: ActiveConversation, now: float) -> None:  # noqa: ARG002
        renegotiation = conversation.renegotiation
        if renegotiation is None or conversation.call is None:
            return
        offers = conversation.id, renegotiation.from_id
        if renegotiation.state == "Offered":
            other = conversation.early_to or conversation.other_in_call(renegotiation.from_id)
            answers = conversation.id, other
            handset = self._find(*answers)
            known = self._asked.get(answers)
            if handset is not None and (known is None or renegotiation.id not in known.ids):
                await self._ask(conversation, answers, handset, renegotiation)
        elif self._offered.get(offers) == renegotiation.id:
            del self._offered[offers]
            handset = self._find(*offers)
            if handset is None:
                return
            answer = None
            if renegotiation.state == "Answered":
                answer = Description(self._fitting.audio_alone(renegotiation.answer), ())
            handset.answer(answer)

    async def _ask(
        self,
        conversation: ActiveConversation,
        key: Key,
        handset: TelephoneCall,
        renegotiation: Renegotiation,
    ) -> None:
        if conversation.sides[key[1]].description:
            self._asked.setdefault(key, AskedOffers()).ask(renegotiation.id)
            handset.offer(Description(self._fitting.audio_alone(renegotiation.offer), ()))
        else:  # the network carries the media itself
            await self._dismiss(key, renegotiation.id)

    async def heard(
        self, key: Key, handset: TelephoneCall, happening: Happening, now: float
    ) -> None:
        """A telephone offers anew, or says what it makes of an offer."""
        if happening is Happening.OFFERED:
            await self._offer(key, handset, now)
            return
        known = self._asked.get(key)
        asked = known.answered() if known is not None else ""
        if asked in ("", BACK):
            return
        if happening is Happening.AGREED and handset.description is not None:
            await self._agree(key, handset, asked, handset.description)
        else:
            await self._dismiss(key, asked)

    async def _offer(self, key: Key, handset: TelephoneCall, now: float) -> None:
        endpoint, offer = self._endpoint_of(key[1]), handset.description
        try:
            if endpoint is None or offer is None:
                raise Refusal("BadRequest", "InvalidMediaDescription", "There is no offer.")
            conversation, _ = self._conversations.find(endpoint, key[0])
            side = conversation.sides.get(endpoint.id)
            said = side.description if side is not None else ""
            fitted = self._fitting.in_place(said, offer, said)
            made = await self._renegotiations.offer(endpoint, key[0], fitted, "", now)
            self._offered[key] = made.id
        except Refusal:
            handset.answer(None)

    async def _agree(
        self, key: Key, handset: TelephoneCall, asked: str, answer: Description
    ) -> None:
        endpoint = self._endpoint_of(key[1])
        if endpoint is None:
            return
        try:
            conversation, _ = self._conversations.find(endpoint, key[0])
            renegotiation = conversation.renegotiation
            offer = renegotiation.offer if renegotiation is not None else ""
            fitted = self._fitting.in_place(
                offer, answer, conversation.sides[endpoint.id].description
            )
            rings = bool(conversation.early_to)
            await self._renegotiations.answer(endpoint, key[0], asked, fitted)
            if rings:
                self._early[key] = answer.text, fitted
        except Refusal as refusal:
            if refusal.code == "BadRequest":
                await self._dismiss(key, asked)
            self._go_back(key, handset, endpoint)

    def _go_back(self, key: Key, handset: TelephoneCall, endpoint: Endpoint) -> None:
        """The telephone has taken an offer that is over, or not as it can be: it is offered what is
        agreed, unless a newer offer follows."""
        if self._asked.get(key) or key[0] not in endpoint.conversations:
            return
        conversation, _ = self._conversations.find(endpoint, key[0])
        other = conversation.sides.get(conversation.other_in_call(key[1]))
        if other is not None and other.description:
            self._asked.setdefault(key, AskedOffers()).ask(BACK)
            handset.offer(Description(self._fitting.audio_alone(other.description), ()))

    async def _dismiss(self, key: Key, renegotiation_id: str) -> None:
        endpoint = self._endpoint_of(key[1])
        if endpoint is None or key[0] not in endpoint.conversations:
            return
        conversation, _ = self._conversations.find(endpoint, key[0])
        found = conversation.renegotiation
        if found is not None and found.id == renegotiation_id and found.state == "Offered":
            await self._renegotiations.dismiss(endpoint, key[0], renegotiation_id, UNANSWERABLE)
