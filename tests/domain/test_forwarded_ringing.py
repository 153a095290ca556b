"""Calls ring where their callees have said."""

from collections.abc import Awaitable
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mobility.domain.applications import Availability, Endpoint
from mobility.domain.call_destinations import ForwardingSettings
from mobility.domain.call_rows import Answer, Wanted
from mobility.domain.descriptions import AUDIO, VIDEO, Description, Stream
from mobility.domain.diversions import Cause, Diversion
from mobility.domain.facts import CallTerms, Fact, InvitationChanged
from mobility.domain.lines import Device
from mobility.domain.privacy import BLOCKED
from mobility.domain.records import Call, Invitation, User
from tests.domain.doubles import done, name_of, running, uri
from tests.domain.phone_world import MOBILE, WORK, PhoneWorld

ALICE, BOB, CAROL, DAVE = uri("alice"), uri("bob"), uri("carol"), uri("dave")
MAILBOX = uri("mailbox")
OFFER = Description("offer", (Stream(AUDIO, "RTP/SAVP"),))
ANSWER = Description("answer", (Stream(AUDIO, "RTP/SAVP"),))


class RingingTestCase(TestCase):
    """Alice calls Bob; there are Carol and Dave, who answers as Bob's delegate, and voicemail."""

    def setUp(self) -> None:
        self.world = PhoneWorld()
        for user in (User(DAVE, "Dave", enterprise_voice=True), User(MAILBOX, "Mailbox")):
            self.do(self.world.users.add(user))
        self.do(self.world.delegates.add_delegate(BOB, DAVE))
        self.do(self.world.delegates.add_to_team(BOB, CAROL))
        names = ("alice", "bob", "carol", "dave")
        self.alice, self.bob, self.carol, self.dave = (self.device(name) for name in names)
        self.forwarding = self.world.forwarding

    def do(self, action: Awaitable[Any]) -> None:
        done(running(action))

    def device(self, name: str, device: str = "phone", *modalities: str) -> Endpoint:
        endpoint = self.world.sign_in(name, device, available=False)
        chosen = Availability(modalities or ("Messaging", AUDIO, VIDEO))
        self.do(self.world.applications.make_available(endpoint, chosen, self.world.now))
        self.world.told(endpoint)
        return endpoint

    def with_voicemail(self) -> Endpoint:
        """From now on there is voicemail, and this is what answers."""
        self.forwarding.destinations.everybody = ForwardingSettings(MAILBOX)
        return self.device("mailbox")

    def call(self, to: str = "bob", **more: Any) -> Invitation:
        wanted = attrs.evolve(Wanted(uri(to), (AUDIO,), OFFER), **more)
        invitation = done(running(self.world.calls.start(self.alice, wanted, self.world.now)))
        self.world.settle()
        return invitation

    def accept(self, device: Endpoint, invitation: Invitation) -> Deferred[None]:
        return running(
            self.world.calls.accept(device, invitation.id, Answer(ANSWER), self.world.now)
        )

    def after(self, seconds: float) -> None:
        self.world.advance(seconds)
        self.world.settle()

    @property
    def ringing(self) -> list[str]:
        """Who rings, by name, in order."""
        return sorted(
            name_of(leg.user_uri)
            for conversation in self.world.conversations
            for leg in conversation.legs.values()
            if leg.call == "Ringing"
        )

    def invited(self, device: Endpoint) -> list[InvitationChanged]:
        """What a device was told of invitations."""
        facts = [entry.fact for entry in self.world.entries(device)]
        return [one for one in facts if isinstance(one, InvitationChanged)]

    def terms(self, device: Endpoint) -> CallTerms:
        """What the latest invitation of a device says of its call."""
        terms = self.invited(device)[-1].call
        assert terms is not None
        return terms

    def outcome(self) -> str:
        """How the one call that was ended."""
        (call,) = self.world.stored(Call)
        return call.outcome


class ForwardTests(RingingTestCase):
    """All calls go elsewhere."""

    def test_to_contact(self) -> None:
        """The contact rings in Bob's place, and sees for whom the call was and who sent it."""
        self.do(self.forwarding.forward(self.bob, "Contact", CAROL))
        invitation = self.call()
        self.assertEqual(["carol"], self.ringing)
        started = self.invited(self.carol)[-1]
        self.assertEqual((BOB, "started"), (started.to_uri, started.change))
        self.assertEqual(BOB, self.terms(self.carol).forwarded_by)
        self.assertEqual("Forwarded", self.invited(self.alice)[-1].state)
        self.do(self.accept(self.carol, invitation))
        self.assertEqual((CAROL, "Carol"), self.invited(self.alice)[-1].accepted_by)
        self.assertEqual([], self.invited(self.bob))

    def test_to_delegates(self) -> None:
        """The delegates ring on behalf of Bob."""
        self.do(self.forwarding.forward(self.bob, "Delegates"))
        self.call()
        self.assertEqual(["dave"], self.ringing)
        terms = self.terms(self.dave)
        self.assertEqual((BOB, BOB, ""), (terms.delegator, terms.forwarded_by, terms.on_behalf_of))

    def test_to_voicemail(self) -> None:
        """Voicemail answers at once."""
        mailbox = self.with_voicemail()
        self.do(self.forwarding.forward(self.bob, "Voicemail"))
        invitation = self.call()
        self.assertEqual(["mailbox"], self.ringing)
        self.assertEqual(BOB, self.terms(mailbox).forwarded_by)
        self.do(self.accept(mailbox, invitation))

    def test_to_number(self) -> None:
        """A telephone rings through Bob's gateway with Alice's number, for Bob, and answers."""
        self.do(self.forwarding.forward(self.bob, "Contact", f"tel:{MOBILE['bob']}"))
        self.call()
        self.assertEqual([MOBILE["bob"]], self.world.live)
        order = self.world.telephone(MOBILE["bob"]).order
        self.assertEqual(WORK["alice"], order.caller_id)
        self.assertEqual(Diversion(BOB, Cause.UNCONDITIONAL, WORK["bob"]), order.diversion)
        self.world.lets(MOBILE["bob"], "answers", ANSWER)
        (conversation,) = self.world.conversations
        self.assertEqual({"Connected"}, {leg.call for leg in conversation.legs.values()})
        self.world.lets(MOBILE["bob"], "hangs_up")
        self.assertEqual(0, len(self.world.conversations))

    def test_number_of_a_user(self) -> None:
        """The work number of a user here is that user."""
        self.do(self.forwarding.forward(self.alice, "Contact", f"tel:{WORK['bob']}"))
        wanted = Wanted(ALICE, (AUDIO,), OFFER)
        self.do(self.world.calls.start(self.carol, wanted, self.world.now))
        self.assertEqual(["bob"], self.ringing)
        self.assertEqual([], self.world.live)

    def test_nobody_there(self) -> None:
        """Where nobody is there it rings nobody, unless voicemail can answer."""
        self.do(self.world.end(self.carol))
        self.do(self.forwarding.forward(self.bob, "Contact", CAROL))
        self.assertEqual("Failed", self.call().state)
        self.with_voicemail()
        invitation = self.call()
        self.assertEqual(["mailbox"], self.ringing)
        self.do(self.world.conversations.cancel(self.alice, invitation.id, self.world.now))
        self.do(self.forwarding.forward(self.bob, "Delegates"))
        self.do(self.world.end(self.dave))
        self.call()
        self.assertEqual(["mailbox"], self.ringing)

    def test_other_devices(self) -> None:
        """What else rings for a user does so wherever its applications do, for the same callers."""
        heard: list[Fact] = []
        phone = self.world.conversations.lines.open(CAROL, "Carol", heard.append)
        asked: list[tuple[str, tuple[str, ...], str]] = []

        def phones(user: str, media: tuple[str, ...], caller: str) -> list[Device]:
            asked.append((user, media, caller))
            return [phone] if user == CAROL else []

        self.world.calls.stages.own.others.append(phones)
        self.do(self.forwarding.forward(self.bob, "Contact", CAROL))
        invitation = self.call()
        self.assertEqual([(CAROL, (AUDIO,), ALICE)], asked)
        self.assertEqual(["carol", "carol"], self.ringing)
        accept = self.world.calls.accept(phone, invitation.id, Answer(ANSWER), self.world.now)
        self.do(accept)
        self.assertEqual([], self.ringing)
        known = self.world.privacy.level(CAROL, ALICE)
        self.do(self.world.privacy.assign(CAROL, ALICE, BLOCKED, known))
        self.call()
        self.assertEqual(1, len(asked))

    def test_other_invitations(self) -> None:
        """Messages and calls without audio ring Bob all the same."""
        self.do(self.forwarding.forward(self.bob, "Contact", CAROL))
        done(self.world.call(self.alice, "bob"))
        self.assertEqual("Incoming", self.invited(self.bob)[-1].direction)
        offer = Description("offer", (Stream(VIDEO, "RTP/SAVP"),))
        self.call(media=(VIDEO,), offer=offer)
        self.assertEqual(["bob"], self.ringing)

    def test_blocked(self) -> None:
        """A caller whom Bob blocks rings nobody: it is as if nobody were there."""
        self.do(self.forwarding.forward(self.bob, "Contact", CAROL))
        known = self.world.privacy.level(BOB, ALICE)
        self.do(self.world.privacy.assign(BOB, ALICE, BLOCKED, known))
        self.assertEqual("Failed", self.call().state)
        self.assertIn("Unavailable", self.outcome())

    def test_do_not_disturb(self) -> None:
        """Who is not to be disturbed does not ring: voicemail answers at once."""
        self.with_voicemail()
        self.do(self.world.applications.set_presence(self.bob, "DoNotDisturb", self.world.now))
        self.call()
        self.assertEqual(["mailbox"], self.ringing)


class SimultaneousTests(RingingTestCase):
    """Others ring beside Bob."""

    def test_delegates_later(self) -> None:
        """The delegate rings after the delay, as such; when it answers Bob's device is told who."""
        self.do(self.forwarding.ring_too(self.bob, "Delegates", 10))
        invitation = self.call()
        self.assertEqual(["bob"], self.ringing)
        self.after(9)
        self.assertEqual(["bob"], self.ringing)
        self.after(2)
        self.assertEqual(["bob", "dave"], self.ringing)
        self.assertEqual(BOB, self.terms(self.dave).delegator)
        self.assertEqual("", self.terms(self.bob).delegator)
        self.do(self.accept(self.dave, invitation))
        told = self.invited(self.bob)[-1]
        self.assertEqual(("completed", (DAVE, "Dave")), (told.change, told.accepted_by))
        self.assertIsNone(self.invited(self.dave)[-1].accepted_by)
        self.assertEqual((DAVE, "Dave"), self.invited(self.alice)[-1].accepted_by)

    def test_at_once(self) -> None:
        """Without a delay all ring together; when Bob answers, the delegate is told so."""
        self.do(self.forwarding.ring_too(self.bob, "Delegates"))
        invitation = self.call()
        self.assertEqual(["bob", "dave"], self.ringing)
        self.do(self.accept(self.bob, invitation))
        self.assertEqual((BOB, "Bob"), self.invited(self.dave)[-1].accepted_by)

    def test_own_devices_are_not_told_whom(self) -> None:
        """Another device of who answered is told only that it was elsewhere."""
        desk = self.device("bob", "desk")
        invitation = self.call()
        self.do(self.accept(self.bob, invitation))
        self.assertIsNone(self.invited(desk)[-1].accepted_by)

    def test_team(self) -> None:
        """The caller sees when the team rings."""
        self.do(self.forwarding.ring_too(self.bob, "Team", 5))
        self.call()
        self.after(6)
        self.assertEqual(["bob", "carol"], self.ringing)
        self.assertEqual("TeamRing", self.invited(self.alice)[-1].state)

    def test_number(self) -> None:
        """Bob's telephone rings beside his device, which wins by answering first."""
        self.do(self.forwarding.ring_too(self.bob, "Contact", contact=f"tel:{MOBILE['bob']}"))
        invitation = self.call()
        self.assertEqual([MOBILE["bob"]], self.world.live)
        self.do(self.accept(self.bob, invitation))
        self.world.settle()
        self.assertEqual([], self.world.live)

    def test_nobody_else(self) -> None:
        """With no device of Bob's the delegate need not wait."""
        self.do(self.forwarding.ring_too(self.bob, "Delegates", 30))
        self.do(self.world.end(self.bob))
        self.call()
        self.assertEqual(["dave"], self.ringing)

    def test_delegate_declines_everywhere(self) -> None:
        """A delegate that will not answer leaves the call to the others."""
        self.with_voicemail()
        self.do(self.forwarding.ring_too(self.bob, "Delegates"))
        invitation = self.call()
        done(self.world.decline(self.dave, invitation, everywhere=True))
        self.assertEqual(["bob"], self.ringing)
        self.after(21)
        self.assertEqual(["mailbox"], self.ringing)


class UnansweredTests(RingingTestCase):
    """Nobody answers."""

    def test_contact(self) -> None:
        """The contact rings instead, then the call is given up; Bob's device is told so."""
        self.do(self.forwarding.send_unanswered(self.bob, "Contact", 10, CAROL))
        self.call()
        self.after(11)
        self.assertEqual(["carol"], self.ringing)
        told = self.invited(self.bob)[-1]
        self.assertEqual(
            ("completed", "Forwarded"), (told.change, told.reason and told.reason.subcode)
        )
        self.assertEqual("Forwarded", self.invited(self.alice)[-1].state)
        self.after(31)
        self.assertEqual([], self.ringing)
        self.assertEqual("Timeout", self.outcome())

    def test_default(self) -> None:
        """Voicemail answers after 20 seconds."""
        mailbox = self.with_voicemail()
        invitation = self.call()
        self.after(19)
        self.assertEqual(["bob"], self.ringing)
        self.after(2)
        self.assertEqual(["mailbox"], self.ringing)
        self.do(self.accept(mailbox, invitation))
        self.assertEqual(MAILBOX, self.invited(self.alice)[-1].accepted_by[0])  # type: ignore[index]

    def test_chain(self) -> None:
        """A contact that does not answer either sends the call on, and voicemail ends it."""
        self.with_voicemail()
        self.do(self.forwarding.send_unanswered(self.bob, "Contact", 5, DAVE))
        self.do(self.forwarding.send_unanswered(self.dave, "Contact", 5, BOB))
        self.call()
        rung = [self.ringing]
        for _ in range(2):
            self.after(6)
            rung.append(self.ringing)
        self.assertEqual([["bob"], ["dave"], ["mailbox"]], rung)

    def test_declined(self) -> None:
        """Who declines on each device lets the call go on at once; everywhere ends it."""
        self.with_voicemail()
        invitation = self.call()
        done(self.world.decline(self.bob, invitation))
        self.after(1)
        self.assertEqual(["mailbox"], self.ringing)
        self.do(self.world.conversations.cancel(self.alice, invitation.id, self.world.now))
        invitation = self.call()
        done(self.world.decline(self.bob, invitation, everywhere=True))
        self.after(1)
        self.assertEqual([], self.ringing)

    def test_declined_and_nobody_else(self) -> None:
        """With nobody left to ring the caller is told of the decline."""
        self.forwarding.destinations.everybody = ForwardingSettings(MAILBOX)
        invitation = self.call()
        done(self.world.decline(self.bob, invitation))
        self.after(1)
        self.assertEqual("Declined", self.outcome())

    def test_no_voicemail_that_answers(self) -> None:
        """Where voicemail is not there Bob rings to the end."""
        self.forwarding.destinations.everybody = ForwardingSettings(MAILBOX)
        self.call()
        self.after(30)
        self.assertEqual(["bob"], self.ringing)
        self.after(25)
        self.assertEqual("Timeout", self.outcome())

    def test_restart(self) -> None:
        """The call goes on at its time in the next process."""
        self.do(self.forwarding.send_unanswered(self.bob, "Contact", 20, CAROL))
        self.call()
        self.after(10)
        self.world = self.world.restarted()
        self.after(9)
        self.assertEqual(["bob"], self.ringing)
        self.after(2)
        self.assertEqual(["carol"], self.ringing)
        carol = self.world.same(self.carol)
        self.assertEqual(BOB, self.terms(carol).forwarded_by)

    def test_restart_after_a_decline(self) -> None:
        """Who rang from the start and declined does not ring again in the next process."""
        self.do(self.forwarding.ring_too(self.bob, "Delegates"))
        invitation = self.call()
        done(self.world.decline(self.dave, invitation))
        self.world = self.world.restarted()
        self.after(5)
        self.assertEqual(["bob"], self.ringing)

    def test_voicemail_by_number(self) -> None:
        """Voicemail may be a telephone number, which is called for whom it answers."""
        self.forwarding.destinations.everybody = ForwardingSettings("tel:+14255550190")
        self.call()
        self.after(21)
        self.assertEqual(["+14255550190"], self.world.live)
        order = self.world.telephone("+14255550190").order
        self.assertEqual(WORK["alice"], order.caller_id)
        self.assertEqual(Diversion(BOB, Cause.UNANSWERED, WORK["bob"]), order.diversion)


class CallViaWorkTests(RingingTestCase):
    """Calls that begin at the caller's own telephone."""

    def test_forwarded(self) -> None:
        """Once the caller is there, they ring where the callee has said."""
        self.do(self.forwarding.forward(self.bob, "Contact", DAVE))
        carol = self.world.device("bob", "desk", by_phone=True)
        self.do(self.forwarding.turn_off(self.bob))
        self.do(self.forwarding.forward(self.alice, "Contact", DAVE))
        done(self.world.phone(carol, ALICE))
        self.world.lets(MOBILE["bob"], "answers", OFFER)
        self.assertEqual(["dave"], self.ringing)
        self.assertEqual(ALICE, self.terms(self.dave).forwarded_by)

    def test_long(self) -> None:
        """However long the caller's telephone rang, the callee's plan is followed to its end."""
        self.forwarding.destinations.everybody = ForwardingSettings(MAILBOX)
        self.device("mailbox")
        self.do(self.forwarding.send_unanswered(self.alice, "Voicemail", 60))
        desk = self.world.device("bob", "desk", by_phone=True)
        done(self.world.phone(desk, ALICE))
        self.world.lets(MOBILE["bob"], "rings")
        self.after(25)
        self.world.lets(MOBILE["bob"], "answers", OFFER)
        self.after(59)
        self.assertEqual(["alice"], self.ringing)
        self.after(2)
        self.assertEqual(["mailbox"], self.ringing)
        self.after(31)
        self.assertEqual([], self.ringing)
