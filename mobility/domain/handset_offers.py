"""New offers in calls in which an application takes part with its user's telephone.

What the other party offers anew goes to the telephone, and what the telephone offers to the other
party; the application hears nothing of either.
"""

from collections.abc import Callable
from functools import partial

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Endpoint
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
        self._asked: dict[Key, str] = {}
        """The new offers that telephones are to answer."""
        self._offered: dict[Key, str] = {}
        """Those of telephones that wait for the other party."""
        conversations.changes.append(self._changed)

    def forget(self, key: Key) -> None:
        """The telephone is gone."""
        self._asked.pop(key, None)
        self._offered.pop(key, None)

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
            answers = conversation.id, conversation.other_in_call(renegotiation.from_id)
            handset = self._find(*answers)
            if handset is not None and self._asked.get(answers) != renegotiation.id:
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
        self._asked[key] = renegotiation.id
        if conversation.sides[key[1]].description:
            handset.offer(Description(self._fitting.audio_alone(renegotiation.offer), ()))
        else:  # the network carries the media itself
            await self._dismiss(key)

    async def heard(
        self, key: Key, handset: TelephoneCall, happening: Happening, now: float
    ) -> None:
        """A telephone offers anew, or says what it makes of an offer."""
        if happening is Happening.OFFERED:
            await self._offer(key, handset, now)
        elif happening is Happening.AGREED and handset.description is not None:
            await self._agree(key, handset.description)
        else:
            await self._dismiss(key)

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

    async def _agree(self, key: Key, answer: Description) -> None:
        endpoint = self._endpoint_of(key[1])
        asked = self._asked.get(key)
        if endpoint is None or asked is None:
            return
        try:
            conversation, _ = self._conversations.find(endpoint, key[0])
            renegotiation = conversation.renegotiation
            offer = renegotiation.offer if renegotiation is not None else ""
            fitted = self._fitting.in_place(
                offer, answer, conversation.sides[endpoint.id].description
            )
            await self._renegotiations.answer(endpoint, key[0], asked, fitted)
            self._asked.pop(key, None)
        except Refusal as refusal:
            if refusal.code == "BadRequest":
                await self._dismiss(key)

    async def _dismiss(self, key: Key) -> None:
        endpoint, asked = self._endpoint_of(key[1]), self._asked.pop(key, None)
        if endpoint is not None and asked is not None:
            await self._renegotiations.dismiss(endpoint, key[0], asked, UNANSWERABLE)
