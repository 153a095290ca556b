"""The mixer of conferences over SIP: what a conference server sees of each participant's device."""

from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.mixer import Entry
from mobility.domain.telephone import Happening
from mobility.media.offers import read_description
from mobility.sip.conference_info import CONTENT_TYPE
from mobility.sip.mixer_legs import SipMixerLeg
from tests.domain.doubles import uri
from tests.sip.call_world import SipWorld, sdp


class MixerLegTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.sip = SipWorld()
        self.server = self.sip.telephone("focus", "mixer.test")
        self.happened: list[Happening] = []

    def tearDown(self) -> None:
        self.assertEqual(self.sip.log.named("sip.failed"), [])

    def joins(
        self, name: str = "alice", offer: str = "", muted: tuple[str, ...] = ()
    ) -> SipMixerLeg:
        offered = read_description(offer or sdp(name))
        entry = Entry("0a1b", uri(name), name.title(), offered, muted)
        leg = self.sip.mixer.join(entry, self.happened.append)
        self.sip.settle()
        return leg

    def inside(self, answer: str = "", muted: tuple[str, ...] = ()) -> SipMixerLeg:
        leg = self.joins(muted=muted)
        self.server.answers_with(200, answer or sdp("focus"))
        self.sip.settle()
        return leg

    def again(self) -> str:
        return self.server.last("INVITE").body.decode()

    def server_answers(self, answer: str) -> None:
        self.server.responds(self.server.last("INVITE"), 200, answer)
        self.sip.settle()

    def described(self, leg: SipMixerLeg) -> str:
        assert leg.description is not None
        return leg.description.text


class JoiningTests(MixerLegTestCase):
    """A device comes into a conference."""

    def test_answered(self) -> None:
        """The server is called at the conference's URI as the participant, with the device's offer;
        its answer is the device's."""
        leg = self.joins()
        invite = self.server.last("INVITE")
        self.assertEqual(invite.uri, "sip:conf-0a1b@mixer.test;transport=tcp")
        self.assertEqual(str(invite.from_.uri), uri("alice"))
        self.assertEqual(invite.from_.name, "Alice")
        self.assertIn(uri("alice"), invite.first("P-Asserted-Identity") or "")
        self.assertEqual(invite.body.decode(), sdp("alice"))
        self.server.answers_with(183, sdp("early"))
        self.sip.settle()
        self.assertEqual(self.described(leg), sdp("early"))
        self.server.answers_with(200, sdp("focus"), ("Supported", "timer"))
        self.sip.settle()
        self.assertEqual(self.happened, [Happening.RINGING, Happening.ANSWERED])
        self.assertEqual(self.described(leg), sdp("focus"))
        self.assertEqual(self.server.methods, ["INVITE", "ACK"])
        self.assertFalse(leg.leg.is_focus)

    def test_focus(self) -> None:
        """A server that says in its Contact that it is a focus is known as one."""
        leg = self.joins()
        invite = self.server.last("INVITE")
        response = invite.respond(200, "focus")
        response.set("Contact", "<sip:conf-0a1b@mixer.test;transport=tcp>;isfocus")
        response.set("Content-Type", "application/sdp")
        response.body = sdp("focus").encode()
        self.server.come(response)
        self.assertTrue(leg.leg.is_focus)

    def test_guest(self) -> None:
        """A guest is anonymous to the server, under the name it has given."""
        guest = "sip:0123@anonymous.invalid"
        entry = Entry("0a1b", guest, "Gast", read_description(sdp("guest")))
        self.sip.mixer.join(entry, self.happened.append)
        self.sip.settle()
        invite = self.server.last("INVITE")
        self.assertEqual(invite.from_.name, "Gast")
        self.assertIsNone(invite.first("P-Asserted-Identity"))

    def test_refused(self) -> None:
        """A conference that takes nobody more, one that does not exist and a server that is not
        there are told apart, and logged."""
        for status, happening in (
            (486, Happening.BUSY),
            (403, Happening.DECLINED),
            (503, Happening.UNREACHABLE),
        ):
            self.joins()
            self.server.answers_with(status)
            self.sip.settle()
            self.assertEqual(self.happened.pop(), happening)
        lines = self.sip.log.named("sip.mixer_refused")
        self.assertEqual([line["status"] for line in lines], [486, 403, 503])
        self.server.alive = False
        self.joins()
        self.sip.settle(1.0)
        self.assertEqual(self.happened, [Happening.UNREACHABLE])

    def test_unreadable_answer(self) -> None:
        """An answer that is no description ends the call with the server."""
        self.joins()
        self.server.answers_with(200, "nonsense")
        self.sip.settle()
        self.assertEqual(self.happened, [Happening.UNREACHABLE])
        self.assertEqual(self.server.methods, ["INVITE", "ACK", "BYE"])

    def test_given_up(self) -> None:
        """Who leaves before the server has answered cancels its call, or never makes it."""
        leg = self.joins()
        self.server.answers_with(180)
        leg.hang_up()
        self.sip.settle()
        self.assertEqual(self.server.methods, ["INVITE", "CANCEL"])
        entry = Entry("0a1b", uri("bob"), "Bob", read_description(sdp("bob")))
        leg = self.sip.mixer.join(entry, self.happened.append)
        leg.hang_up()
        self.sip.settle()
        self.assertEqual(self.server.methods, ["INVITE", "CANCEL"])


class TalkingTests(MixerLegTestCase):
    """What goes on while a device is in a conference."""

    def test_left(self) -> None:
        """Leaving is a BYE; when the server ends the call it is told."""
        leg = self.inside()
        leg.hang_up()
        leg.hang_up()
        self.sip.settle()
        self.assertEqual(self.server.methods, ["INVITE", "ACK", "BYE"])
        self.inside()
        self.server.sends("BYE")
        self.sip.settle()
        self.assertEqual(self.happened[-1], Happening.HUNG_UP)
        self.assertEqual(self.sip.core.dialogs, {})

    def test_offered_anew(self) -> None:
        """What the device offers anew is offered to the server, and its answer comes back."""
        leg = self.inside()
        leg.offer(read_description(sdp("alice", "sendonly")))
        self.sip.settle()
        self.assertIn("a=sendonly", self.again())
        self.server_answers(sdp("focus", "recvonly"))
        self.assertEqual(self.happened[-1], Happening.AGREED)
        self.assertIn("a=recvonly", self.described(leg))

    def test_offered_in_vain(self) -> None:
        """A new offer that the server refuses changes nothing: the next one that is made for the
        device is of what it had before."""
        leg = self.inside()
        leg.offer(read_description(sdp("alice", "sendonly")))
        self.sip.settle()
        self.server.responds(self.server.last("INVITE"), 488)
        self.sip.settle()
        self.assertEqual(self.happened[-1], Happening.DISAGREED)
        leg.mute(("Audio",))
        self.sip.settle()
        self.assertIn("a=recvonly", self.again())

    def test_server_offers(self) -> None:
        """What the server offers anew is the device's to answer, or to refuse."""
        leg = self.inside()
        self.server.sends("INVITE", body=sdp("focus", "sendonly"))
        self.sip.settle()
        self.assertEqual(self.happened[-1], Happening.OFFERED)
        self.assertIn("a=sendonly", self.described(leg))
        leg.answer(read_description(sdp("alice", "recvonly")))
        self.sip.settle()
        self.assertEqual(self.server.statuses, [100, 200])
        self.assertIn("a=recvonly", self.server.answers[-1].body.decode())

    def test_refused_by_the_device(self) -> None:
        """A device may refuse what the server offers."""
        leg = self.inside()
        self.server.sends("INVITE", body=sdp("focus", "inactive"))
        self.sip.settle()
        leg.answer(None)
        self.sip.settle()
        self.assertEqual(self.server.statuses, [100, 488])


class MutingTests(MixerLegTestCase):
    """A leader mutes a participant: the server takes nothing from it."""

    def test_muted(self) -> None:
        """The server is told that the device sends nothing; the device is told nothing.  Unmuting
        says what the device has said itself."""
        leg = self.inside()
        leg.mute(("Audio",))
        self.sip.settle()
        self.assertIn("a=recvonly", self.again())
        self.assertIn("o=alice 1 2 IN", self.again())
        self.server_answers(sdp("focus", "sendonly"))
        self.assertEqual(self.happened, [Happening.ANSWERED])
        self.assertIn("a=sendrecv", self.described(leg))
        leg.mute(())
        self.sip.settle()
        self.assertIn("a=sendrecv", self.again())
        self.assertIn("o=alice 1 3 IN", self.again())
        self.server_answers(sdp("focus"))
        self.assertEqual(self.happened, [Happening.ANSWERED])

    def test_one_medium(self) -> None:
        """Audio alone is muted where that is meant; video goes on."""
        leg = self.joins(offer=sdp("alice", video=True))
        self.server.answers_with(200, sdp("focus", video=True))
        self.sip.settle()
        leg.mute(("Audio",))
        self.sip.settle()
        audio, _, video = self.again().partition("m=video")
        self.assertIn("a=recvonly", audio)
        self.assertIn("a=sendrecv", video)

    def test_muted_from_the_start(self) -> None:
        """Who comes in muted never sends, and is answered as if it did."""
        leg = self.inside(sdp("focus", "sendonly"), ("Audio",))
        self.assertIn("a=recvonly", self.server.last("INVITE").body.decode())
        self.assertIn("a=sendrecv", self.described(leg))

    def test_muted_while_it_rings(self) -> None:
        """Who is muted before the server has answered is muted once it has."""
        leg = self.joins()
        leg.mute(("Audio",))
        self.sip.settle()
        self.assertEqual(self.server.methods, ["INVITE"])
        self.server.answers_with(200, sdp("focus"))
        self.sip.settle()
        self.assertEqual(self.server.methods, ["INVITE", "ACK", "INVITE"])
        self.assertIn("a=recvonly", self.again())

    def test_offers_while_muted(self) -> None:
        """What a muted device offers anew is still said to send nothing, and answered as if it
        did."""
        leg = self.inside()
        leg.mute(("Audio",))
        self.sip.settle()
        self.server_answers(sdp("focus", "sendonly"))
        leg.offer(read_description(sdp("alice", video=True)))
        self.sip.settle()
        audio, _, video = self.again().partition("m=video")
        self.assertIn("a=recvonly", audio)
        self.assertIn("a=sendrecv", video)
        self.server_answers(sdp("focus", "sendonly"))
        self.assertEqual(self.happened[-1], Happening.AGREED)
        self.assertIn("a=sendrecv", self.described(leg))

    def test_server_offers_while_muted(self) -> None:
        """What the server offers to a muted device is offered as if it took media from it, and
        the device's answer keeps it muted."""
        leg = self.inside()
        leg.mute(("Audio",))
        self.sip.settle()
        self.server_answers(sdp("focus", "sendonly"))
        self.server.sends("INVITE", body=sdp("moved", "sendonly"))
        self.sip.settle()
        self.assertIn("a=sendrecv", self.described(leg))
        leg.answer(read_description(sdp("alice")))
        self.sip.settle()
        self.assertIn("a=recvonly", self.server.answers[-1].body.decode())

    def test_muting_refused(self) -> None:
        """A server that will not mute is logged: the call goes on."""
        leg = self.inside()
        leg.mute(("Audio",))
        self.sip.settle()
        self.server.responds(self.server.last("INVITE"), 488)
        self.sip.settle()
        self.assertEqual(self.happened, [Happening.ANSWERED])
        (line,) = self.sip.log.named("sip.mixer_refused")
        self.assertEqual(line["status"], 488)

    def test_muted_and_unmuted_at_once(self) -> None:
        """While an offer is under way the next ones wait, and the newest alone is made."""
        leg = self.inside()
        leg.mute(("Audio",))
        self.sip.settle()
        leg.offer(read_description(sdp("alice", "sendonly")))
        leg.mute(())
        self.server_answers(sdp("focus", "sendonly"))
        self.assertIn("a=sendonly", self.again())
        self.server_answers(sdp("focus", "recvonly"))
        self.assertEqual(self.happened[-1], Happening.AGREED)
        self.assertEqual(self.server.methods.count("INVITE"), 3)


class TwoDevicesTests(MixerLegTestCase):
    """Several devices have a call each."""

    def test_two_devices(self) -> None:
        """Whoever is in the same conference calls the same URI, each in a dialog of its own."""
        self.joins("alice")
        self.joins("bob")
        first, second = (one for one in self.server.got if one.method == "INVITE")
        self.assertEqual(first.uri, second.uri)
        self.assertNotEqual(first.call_id, second.call_id)
        self.server.responds(first, 200, sdp("focus"), tag="first")
        self.server.responds(second, 200, sdp("focus"), tag="second")
        self.sip.settle()
        self.assertEqual(self.happened, [Happening.ANSWERED] * 2)


INFO = """\
<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="sip:conf-0a1b@mixer.test"
 state="{state}" version="{version}"><users><user entity="{user}"><endpoint entity="sip:e">
<media id="1"><type>audio</type><src-id>{source}</src-id><status>sendrecv</status></media>
<media id="2"><type>video</type><status>sendrecv</status></media>{call}
</endpoint></user></users></conference-info>"""
CALL = "<call-info><sip><call-id>{}</call-id></sip></call-info>"


class WatchingTests(MixerLegTestCase):
    """What a focus tells of its conferences."""

    def in_focus(self, name: str = "alice") -> SipMixerLeg:
        leg = self.joins(name)
        invite = self.server.last("INVITE")
        response = invite.respond(200, f"focus-{name}")
        response.set("Contact", "<sip:conf-0a1b@mixer.test;transport=tcp>;isfocus")
        response.set("Content-Type", "application/sdp")
        response.body = sdp("focus").encode()
        self.server.come(response)
        self.sip.settle()
        return leg

    def subscribed(self) -> None:
        subscribe = self.server.last("SUBSCRIBE")
        self.server.responds(subscribe, 200, "", ("Expires", "3600"), tag="watched")
        self.sip.settle()

    def notifies(self, **told: object) -> None:
        subscribe = self.server.last("SUBSCRIBE")
        body = INFO.format(**{"state": "full", "version": 1, "user": "", "call": "", **told})
        fields = ("Event: conference", "Subscription-State: active;expires=3600")
        self.server.sends_within(
            subscribe, "NOTIFY", *fields, tag="watched", body=body, kind=CONTENT_TYPE
        )
        self.sip.settle()

    def test_sources(self) -> None:
        """One subscription a conference tells by which sources devices are known, by their dialogs
        or by their users."""
        alice, bob = self.in_focus("alice"), self.in_focus("bob")
        self.assertEqual(self.server.methods.count("SUBSCRIBE"), 1)
        subscribe = self.server.last("SUBSCRIBE")
        self.assertEqual(subscribe.uri, "sip:conf-0a1b@mixer.test;transport=tcp")
        self.assertEqual(subscribe.first("Event"), "conference")
        self.subscribed()
        self.notifies(source=11, call=CALL.format(alice.call_id))
        self.assertEqual(self.server.statuses[-1], 200)
        self.assertEqual(self.happened[-1], Happening.SOURCES)
        self.assertEqual((alice.sources, bob.sources), ({"Audio": 11}, {}))
        self.notifies(source=22, version=2, state="partial", user=uri("bob"))
        self.assertEqual(bob.sources, {"Audio": 22})
        self.notifies(source=33, version=2, state="partial", user=uri("bob"))
        self.assertEqual(bob.sources, {"Audio": 22})
        alice.hang_up()
        self.sip.settle()
        self.assertEqual(self.server.last("SUBSCRIBE").first("Expires"), "3600")
        bob.hang_up()
        self.sip.settle()
        self.assertEqual(self.server.last("SUBSCRIBE").first("Expires"), "0")

    def test_no_package(self) -> None:
        """A focus that does not have the package refuses, and is left alone."""
        leg = self.in_focus()
        self.server.responds(self.server.last("SUBSCRIBE"), 489)
        for _ in range(10):
            self.sip.settle(30.0)
        self.assertEqual(self.server.methods.count("SUBSCRIBE"), 1)
        self.assertEqual(leg.sources, {})
        self.assertNotIn(Happening.HUNG_UP, self.happened)

    def test_no_focus(self) -> None:
        """A server that is none is not asked."""
        self.inside()
        self.assertNotIn("SUBSCRIBE", self.server.methods)

    def test_unreadable(self) -> None:
        """A document that is none is refused, and changes nothing."""
        leg = self.in_focus()
        self.subscribed()
        self.notifies(source=11, version="x", call=CALL.format(leg.call_id))
        self.assertEqual(self.server.statuses[-1], 400)
        self.assertEqual(leg.sources, {})
