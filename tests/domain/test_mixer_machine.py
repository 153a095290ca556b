"""Conferences with audio and video under everything at once: who is mixed, and who is not."""

from collections.abc import Awaitable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import TestCase

from mobility.domain.applications import Endpoint
from mobility.domain.call_rows import Wanted
from mobility.domain.conferences import Join
from mobility.domain.conversation import ActiveConversation
from mobility.domain.facts import ConversationChanged, MediaShown, ParticipantMediaChanged
from mobility.domain.meetings import conference_uri
from mobility.domain.mixed_part import kept_out
from mobility.domain.telephone import Happening
from mobility.errors import Refusal, Unavailable
from mobility.media.offers import read_description
from mobility.testing_mixer import MemoryMixer, MemoryMixerLeg
from tests.descriptions import sdp
from tests.domain.doubles import World, done, running, uri
from tests.domain.wiring import conference_calls

NAMES = ("alice", "bob", "carol")
OFFERS = ("audio",), ("audio", "video")
MEDIA = ("Audio", "Video")
LEADS = ("admit", "reject", "eject", "promote", "demote")

picks = st.integers(0, 9_999)


class Mixing(RuleBasedStateMachine):
    """Alice's locked meeting, her colleagues, and a mixer that does what it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(*NAMES)
        self.mixer = MemoryMixer()
        self._begin()
        self.meeting_uri = ""

    def _begin(self) -> None:
        world = self.world
        self.calls = conference_calls(world, self.mixer)

    @initialize()
    def everybody(self) -> None:
        for name in NAMES:
            self.world.sign_in(name)
        alice = self.of("alice")
        wanted = {"access_level": "Invited"}
        meeting = done(running(self.world.meetings.schedule(alice, wanted, self.world.now)))
        self.meeting_uri = conference_uri(meeting.record)
        self.join(0)

    def of(self, name: str) -> Endpoint:
        (endpoint,) = self.world.applications.of_user(uri(name))
        return endpoint

    def attempt(self, deed: Awaitable[object]) -> object:
        """Do something, which may be refused, and all that follows at once."""
        try:
            result = done(running(deed))
        except (Refusal, Unavailable):
            result = None
        self.settle()
        return result

    def settle(self) -> None:
        while actions := self.world.agenda.due(0.0):
            for action in actions:
                done(running(action(self.world.now)))

    @property
    def conversation(self) -> ActiveConversation | None:
        return self.world.conversations.of_meeting(self.meeting_uri)

    # What people do

    @rule(who=picks)
    def join(self, who: int) -> None:
        endpoint = self.of(NAMES[who % 3])
        join = self.world.conferences.join(endpoint, self.meeting_uri, Join(), self.world.now)
        self.attempt(join)

    @rule(who=picks, what=st.sampled_from(OFFERS))
    def add(self, who: int, what: tuple[str, ...]) -> None:
        if (conversation := self.conversation) is not None:
            media = MEDIA[: len(what)]
            wanted = Wanted("", media, read_description(sdp(*what)))
            endpoint = self.of(NAMES[who % 3])
            self.attempt(self.calls.add(endpoint, conversation.id, wanted, self.world.now))

    @rule(who=picks, what=st.sampled_from(("audio:inactive", "audio", "video")))
    def renegotiate(self, who: int, what: str) -> None:
        if (conversation := self.conversation) is not None:
            offer = read_description(sdp("audio", what) if what == "video" else sdp(what))
            deed = self.calls.offers.offer(
                self.of(NAMES[who % 3]), conversation.id, offer, "op", self.world.now
            )
            self.attempt(deed)

    @rule(who=picks, media=st.sampled_from((("Audio",), ("Video",), MEDIA)))
    def stop(self, who: int, media: tuple[str, ...]) -> None:
        if (conversation := self.conversation) is not None:
            endpoint = self.of(NAMES[who % 3])
            self.attempt(self.calls.stop(endpoint, conversation.id, media, self.world.now))

    @rule(who=picks, whom=picks, medium=st.sampled_from(MEDIA), muted=st.booleans())
    def mute(self, who: int, whom: int, medium: str, muted: bool) -> None:
        if (conversation := self.conversation) is not None:
            by, of = self.of(NAMES[who % 3]), uri(NAMES[whom % 3])
            may = by.user_uri == of or conversation.leads(by.user_uri)
            before = {key: part.muted for key, part in conversation.parts.items()}
            self.attempt(self.calls.mute(by, conversation.id, of, medium, muted=muted))
            after = {key: part.muted for key, part in conversation.parts.items()}
            if not may and before != after:
                raise AssertionError("somebody without the role has muted")

    @rule(who=picks, whom=picks, locked=st.booleans())
    def lock(self, who: int, whom: int, locked: bool) -> None:
        if (conversation := self.conversation) is not None:
            of = uri(NAMES[whom % 3])
            deed = self.calls.lock_video(
                self.of(NAMES[who % 3]), conversation.id, of, locked=locked
            )
            self.attempt(deed)

    @rule(enabled=st.booleans(), who=picks)
    def audience(self, enabled: bool, who: int) -> None:
        if (conversation := self.conversation) is not None:
            setting = "Enabled" if enabled else "Disabled"
            endpoint = self.of(NAMES[who % 3])
            deed = self.world.conferences.set_audience(
                endpoint, conversation.id, audience_mute=setting
            )
            self.attempt(deed)

    @rule(who=picks, whom=picks, what=st.sampled_from(LEADS))
    def lead(self, who: int, whom: int, what: str) -> None:
        if (conversation := self.conversation) is not None:
            act = getattr(self.world.conferences, what)
            when = (self.world.now,) if what in ("reject", "eject") else ()
            endpoint = self.of(NAMES[who % 3])
            self.attempt(act(endpoint, conversation.id, uri(NAMES[whom % 3]), *when))

    @rule(who=picks)
    def leave(self, who: int) -> None:
        if (conversation := self.conversation) is not None:
            endpoint = self.of(NAMES[who % 3])
            deed = self.world.conversations.terminate(endpoint, conversation.id, self.world.now)
            self.attempt(deed)

    @rule(seconds=st.sampled_from((1, 31)))
    def wait(self, seconds: int) -> None:
        self.world.advance(seconds)
        self.settle()

    @rule()
    def restart(self) -> None:
        """The process dies, and with it the calls that it had with the mixer."""
        self.world = self.world.restarted()
        self.mixer = MemoryMixer()
        self._begin()
        self.settle()

    # What the mixer does

    @rule(
        which=picks,
        what=st.sampled_from(("answers", "answers", "answers", "refuses", "agrees", "disagrees")),
    )
    def says(self, which: int, what: str) -> None:
        legs = [leg for leg in self.mixer.placed if leg.state != "over"]
        if not legs:
            return
        leg = legs[which % len(legs)]
        if what in ("agrees", "disagrees") and not leg.offered:
            return
        if what in ("answers", "refuses") and leg.state != "new":
            return
        getattr(leg, what)()
        self.settle()

    @rule(which=picks, what=st.sampled_from((Happening.HUNG_UP, Happening.OFFERED)))
    def does(self, which: int, what: Happening) -> None:
        legs = [leg for leg in self.mixer.placed if leg.state == "answered"]
        if legs:
            leg = legs[which % len(legs)]
            if what is Happening.HUNG_UP:
                leg.ends()
            else:
                leg.offers(read_description(sdp("audio")))
            self.settle()

    # What is always so

    @invariant()
    def each_leg_has_its_part(self) -> None:
        """The legs that live are those of the devices that are in the conference's media."""
        conversation = self.conversation
        parts = list(conversation.parts.values()) if conversation is not None else []
        living = [leg for leg in self.mixer.placed if leg.state != "over"]
        if {id(leg) for leg in living} != {id(part.leg) for part in parts}:
            raise AssertionError("somebody is mixed who should not be, or is not who should")

    @invariant()
    def nobody_outside_is_mixed(self) -> None:
        """Who waits in the lobby, was sent away or has left has no call with the mixer."""
        if (conversation := self.conversation) is not None:
            for device_id, part in conversation.parts.items():
                leg, own = conversation.legs[device_id], conversation.participants[part.uri]
                if leg.state != "Conferenced" or own.in_lobby:
                    raise AssertionError("somebody is mixed who is not inside")
                if leg.call != ("Connected" if part.mixed else "Connecting"):
                    raise AssertionError("a device is shown another state of its call")

    @invariant()
    def who_is_muted_is(self) -> None:
        """The mixer takes nothing of what is muted, nor of a muted audience."""
        if (conversation := self.conversation) is not None:
            for part in conversation.parts.values():
                leg = part.leg
                shut = kept_out(part, conversation.locked_on)
                if not isinstance(leg, MemoryMixerLeg) or leg.muted != shut:
                    raise AssertionError(
                        "the mixer takes of somebody what it should not, or nothing"
                    )
                if set(part.muted) - set(shut):
                    raise AssertionError("who is muted is heard")

    @invariant()
    def everybody_knows(self) -> None:
        """What each has been told of the media of the others adds up to what there is."""
        if (conversation := self.conversation) is None:
            return
        there = {
            (part.uri, medium)
            for part in conversation.parts.values()
            if part.mixed
            for medium in part.media
        }
        for leg in conversation.legs.values():
            if leg.state == "Conferenced":
                known = self.told(leg.application_id, conversation.id)
                if known != there:
                    raise AssertionError(f"{leg.user_uri} knows of {known}, not of {there}")

    def told(self, stream: str, conversation_id: str) -> set[tuple[str, str]]:
        known: set[tuple[str, str]] = set()
        for entry in self.world.ledger.streams.get(stream, []):
            fact = entry.fact
            if isinstance(fact, ConversationChanged) and fact.change == "added":
                known = set()
            for one in fact.media if isinstance(fact, MediaShown) else (fact,):
                if isinstance(one, ParticipantMediaChanged):
                    if one.conversation_id != conversation_id:
                        continue
                    key = one.uri, one.medium
                    if (key in known) is (one.change == "added"):
                        raise AssertionError(f"{one.change} of {key} does not follow")
                    if one.change == "deleted":
                        known.discard(key)
                    else:
                        known.add(key)
        return known


class MixingTests(TestCase):
    def test_mixing(self) -> None:
        """Whoever does whatever in whatever order, the mixer mixes whom it should."""
        run_state_machine_as_test(
            Mixing, settings=settings(max_examples=40, stateful_step_count=40, deadline=None)
        )
