"""Handsets: the telephones with which applications take part in calls.

An application whose user prefers telephone audio rings as such: its telephone is called, answering
there answers the invitation, and hanging up there ends the call.  Handsets are in memory alone, so
calls that have one end with the process.
"""

from collections.abc import Callable
from functools import partial

from mobility.domain.agenda import Agenda
from mobility.domain.answering import must_ring
from mobility.domain.applications import Applications, Endpoint
from mobility.domain.call import PHONE_AUDIO, call_of, modality_of
from mobility.domain.call_rows import Answer
from mobility.domain.call_via_work import CallViaWork
from mobility.domain.calls import Calls
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversations import Conversations
from mobility.domain.descriptions import Description
from mobility.domain.diversions import Cause, Diversion
from mobility.domain.facts import CallChanged, ConversationChanged, InvitationChanged
from mobility.domain.fitting import Fitting
from mobility.domain.handset_offers import NEGOTIATES, HandsetOffers, Key
from mobility.domain.ledger import Committed
from mobility.domain.outcomes import ELSEWHERE, LOST
from mobility.domain.records import User
from mobility.domain.telephone import Happening, TelephoneCall, TelephoneNetwork
from mobility.domain.telephone_lines import REFUSALS, TelephoneLines, offer_of, refuse
from mobility.domain.users import Users
from mobility.domain.voice import Voice, number_of
from mobility.domain.voice_routing import FAILURES, Itinerary, showing
from mobility.errors import Parameter, Refusal, Unavailable, validation_failure


class Handsets:
    """The telephones of applications in calls, by conversation and application."""

    def __init__(
        self,
        network: TelephoneNetwork,
        agenda: Agenda,
        users: Users,
        voice: Voice,
        applications: Applications,
        conversations: Conversations,
        calls: Calls,
        lines: TelephoneLines,
        via_work: CallViaWork,
        fitting: Fitting,
    ) -> None:
        self._network = network
        self._agenda = agenda
        self._users = users
        self._voice = voice
        self._applications = applications
        self._conversations = conversations
        self._calls = calls
        self._lines = lines
        self.via_work = via_work
        self._handsets: dict[Key, TelephoneCall] = {}
        self.offers = HandsetOffers(
            agenda,
            conversations,
            calls.policies,
            fitting,
            lambda conversation_id, device_id: self.find(conversation_id, device_id),
            applications.find,
        )
        calls.stages.by_phone = self.takes_phone

    def load(self) -> None:
        """Calls with handsets of a process before this one end, after `Conversations.load`."""
        for conversation in self._conversations:
            if any(
                modality_of(conversation, leg) == PHONE_AUDIO and leg.call != "Disconnected"
                for leg in conversation.legs.values()
            ):
                self._agenda.at(0.0, partial(self._lose, conversation))

    def takes_phone(self, device_id: str) -> bool:
        """Whether an application rings by its user's telephone: by choice, or because it may not
        take audio itself."""
        endpoint = self._applications.find(device_id)
        if endpoint is None or endpoint.ending:
            return False
        record = endpoint.record
        policy = self._calls.policies.at(endpoint)
        preferred = record.audio_preference == "PhoneAudio" or not policy.audio
        user = self._users.find(endpoint.user_uri)
        if user is None or not preferred or not record.phone_number:
            return False
        if not self.via_work.may(user):
            return False
        return bool(self._voice.route(user, record.phone_number).attempts)

    def own_phone(self, user: User, endpoint: Endpoint, number: str = "") -> Itinerary:
        """The way to a user's own telephone: the number given, that of the application, or the
        mobile number.

        400 NormalizationFailed for what is no number, ParameterValidationFailure without one or for
        one that is a line of this system; 403 where policy or routes do not lead there.
        """
        self.via_work.must_be_allowed(user)
        dialled = number or endpoint.record.phone_number or user.mobile_phone
        if not dialled:
            raise validation_failure(Parameter("phoneNumber", "is missing, and none is known"))
        itinerary = self._voice.route(user, dialled)
        if itinerary.failure == "NormalizationFailed":
            raise not_a_number()
        if itinerary.user_uri or itinerary.emergency:
            rule = "must be a telephone outside of this system"
            raise validation_failure(Parameter("phoneNumber", rule))
        if itinerary.failure:
            raise Refusal("Forbidden", None, f"No call to your telephone: {why(itinerary)}.")
        return itinerary

    def call(
        self,
        endpoint: Endpoint,
        conversation: ActiveConversation,
        itinerary: Itinerary,
        hear: Callable[[Happening], None],
        now: float,
    ) -> TelephoneCall:
        """Ring the telephone with which an application takes part in a call.

        That of who is called is shown who calls, and told whose it follows.
        """
        call = call_of(conversation)
        offer, diversion = None, None
        if call.caller_id != endpoint.id:
            foreign = self._users.find(call.caller_uri) is None
            number = number_of(self._users, call.caller_uri)
            itinerary = showing(itinerary, number, foreign=foreign)
            offer = offer_of(conversation)
            own = number_of(self._users, endpoint.user_uri)
            diversion = Diversion(endpoint.user_uri, Cause.FOLLOW_ME, own)
        key = conversation.id, endpoint.id
        heard = partial(self._sort, key, hear)
        handset = TelephoneCall(
            self._network, self._agenda, itinerary, heard, offer=offer, diversion=diversion
        )
        self._handsets[key] = handset
        handset.place(now)
        return handset

    def adopt(self, key: Key, handset: TelephoneCall) -> None:
        """An application takes part in a call with this telephone from now on."""
        self._handsets[key] = handset

    def _sort(self, key: Key, hear: Callable[[Happening], None], happening: Happening) -> None:
        """New offers are the same for every handset; all else is for `hear`."""
        if happening in NEGOTIATES:
            self._agenda.at(0.0, partial(self._negotiate, key, happening))
        else:
            hear(happening)

    async def _negotiate(self, key: Key, happening: Happening, now: float) -> None:
        handset = self._handsets.get(key)
        if handset is not None:
            await self.offers.heard(key, handset, happening, now)

    def find(self, conversation_id: str, application_id: str) -> TelephoneCall | None:
        """The handset with which an application takes part in a call."""
        return self._handsets.get((conversation_id, application_id))

    def __len__(self) -> int:
        return len(self._handsets)

    async def accept(self, endpoint: Endpoint, invitation_id: str, now: float) -> None:
        """UCWA acceptWithPhoneAudio: answer an audio/video invitation with the telephone.

        It is rung now; answering it answers the invitation.  409 when the invitation is over, not
        the application's to answer, or answered so already.
        """
        conversation, invitation, leg = self._conversations.find_invitation(endpoint, invitation_id)
        must_ring(invitation, leg)
        if (conversation.id, endpoint.id) in self._handsets:
            raise Refusal("Conflict", None, "The telephone rings already.")
        user = self._owner(endpoint)
        itinerary = self.own_phone(user, endpoint)
        hear = partial(self._heard, endpoint, conversation.id, invitation_id)
        self.call(endpoint, conversation, itinerary, hear, now)

    async def _lose(self, conversation: ActiveConversation, now: float) -> None:
        conversations = self._conversations
        async with conversations.lock(conversation.id):
            lost = [
                leg
                for leg in conversation.legs.values()
                if modality_of(conversation, leg) == PHONE_AUDIO
            ]
            if conversation.call is not None and lost:
                await conversations.hang_up(conversation, lost, LOST, now)

    # What is heard from the bus

    def committed(self, committed: Committed) -> None:
        """Ring, connect and hang up as conversations go.

        Memory follows after this, so what needs it comes a moment later.
        """
        taken = {
            (entry.fact.conversation_id, entry.stream_id)
            for entry in committed.entries
            if isinstance(entry.fact, CallChanged)
            and (entry.fact.modality, entry.fact.state) == (PHONE_AUDIO, "Connected")
        }
        elsewhere = {
            (entry.fact.conversation_id, entry.stream_id)
            for entry in committed.entries
            if isinstance(entry.fact, InvitationChanged) and entry.fact.reason == ELSEWHERE
        }
        for entry in committed.entries:
            key: Key
            match entry.fact:
                case InvitationChanged(change="started", direction="Incoming") as fact if (
                    fact.call is not None and fact.call.modality == PHONE_AUDIO
                ):
                    self._agenda.at(
                        0.0, partial(self._ring, entry.stream_id, fact.conversation_id, fact.id)
                    )
                case CallChanged(state="Connected") as fact:
                    key = fact.conversation_id, entry.stream_id
                    if key in self._handsets:
                        self._agenda.at(0.0, partial(self._connect, key))
                case CallChanged(state="Disconnected") as fact:
                    key = fact.conversation_id, entry.stream_id
                    if key not in taken:  # else it is only that the telephone has the call now
                        self._hang_up(key, elsewhere=key in elsewhere)
                case ConversationChanged(change="deleted") as fact:
                    key = fact.conversation.id, entry.stream_id
                    self._hang_up(key, elsewhere=key in elsewhere)
        for stream_id in committed.dropped_streams:
            for key in [one for one in self._handsets if one[1] == stream_id]:
                self._hang_up(key)

    async def _ring(
        self, application_id: str, conversation_id: str, invitation_id: str, now: float
    ) -> None:
        """An application rings as telephone audio: its telephone is called."""
        endpoint = self._applications.find(application_id)
        if endpoint is None:
            return
        try:
            conversation, _ = self._conversations.find(endpoint, conversation_id)
            itinerary = self.own_phone(self._owner(endpoint), endpoint)
        except Refusal:
            return
        hear = partial(self._heard, endpoint, conversation_id, invitation_id)
        self.call(endpoint, conversation, itinerary, hear, now)

    def _heard(
        self, endpoint: Endpoint, conversation_id: str, invitation_id: str, happening: Happening
    ) -> None:
        self._agenda.at(
            0.0, partial(self._follow, endpoint, conversation_id, invitation_id, happening)
        )

    async def _follow(
        self,
        endpoint: Endpoint,
        conversation_id: str,
        invitation_id: str,
        happening: Happening,
        now: float,
    ) -> None:
        """What becomes of the telephone of who is called becomes of the call."""
        key = conversation_id, endpoint.id
        handset = self._handsets.get(key)
        if handset is None:
            return
        try:
            if happening is Happening.RINGING:
                await self._alert(endpoint, invitation_id, handset)
            elif happening is Happening.ANSWERED:
                answer = Answer(self.offers.answered(key, handset.description))
                await self._calls.accept(endpoint, invitation_id, answer, now, by_phone=True)
            elif happening is Happening.HUNG_UP:
                await self._calls.stop(endpoint, conversation_id, ("Audio", "Video"), now)
            else:
                self._handsets.pop(key, None)
                outcome = REFUSALS[happening]
                await refuse(self._conversations, endpoint, invitation_id, outcome, now)
        except Unavailable:
            raise
        except Refusal as refusal:
            self._hang_up(key)
            if refusal.code == "BadRequest":  # what it answered cannot be used
                outcome = REFUSALS[Happening.UNREACHABLE]
                await refuse(self._conversations, endpoint, invitation_id, outcome, now)

    async def _alert(self, endpoint: Endpoint, invitation_id: str, handset: TelephoneCall) -> None:
        """It rings; early media are for who calls where nothing else of the application's rings,
        and where they can be used."""
        _, _, leg = self._conversations.find_invitation(endpoint, invitation_id)
        if leg.by_phone and handset.description is not None:
            early = Answer(handset.description)
            try:
                await self._calls.answer_provisionally(endpoint, invitation_id, early)
            except Unavailable:
                raise
            except Refusal:
                pass  # they do not fit, or there were too many of them
            else:
                return
        await self._calls.alert(endpoint, invitation_id)

    async def _connect(self, key: Key, now: float) -> None:  # noqa: ARG002  # an Action
        """The call of a handset is connected: let it hear the other end.

        Only the caller's handset has to be told: a callee's was answered with what the caller
        offers.
        """
        endpoint, handset = self._applications.find(key[1]), self._handsets.get(key)
        if endpoint is None or handset is None:
            return
        conversation, _ = self._conversations.find(endpoint, key[0])
        call = conversation.call
        if call is None or call.caller_id != endpoint.id or not call.callee_id:
            return
        side = conversation.sides[call.callee_id]
        if side.description and handset.description is not None:
            handset.connect(Description(side.description, conversation.streams_of(call.callee_id)))
            return
        line = self._lines.find(call.callee_id)
        other = line.call if line is not None else self._handsets.get((key[0], call.callee_id))
        if other is not None:
            handset.join(other)

    def _hang_up(self, key: Key, *, elsewhere: bool = False) -> None:
        handset = self._handsets.pop(key, None)
        self.offers.forget(key)
        if handset is not None:
            handset.hang_up(elsewhere=elsewhere)

    def _owner(self, endpoint: Endpoint) -> User:
        user = self._users.find(endpoint.user_uri)
        if user is None:
            raise Refusal("NotFound", None, "There is no such user.")
        return user


def not_a_number() -> Refusal:
    """400 NormalizationFailed."""
    return Refusal("BadRequest", "NormalizationFailed", "This is no number that can be called.")


def why(itinerary: Itinerary) -> str:
    """Why a call leads nowhere, in words."""
    return FAILURES[itinerary.failure]
