"""PUBLISH comes, and users look accordingly."""

from mobility.domain.applications import Endpoint
from mobility.domain.call_rows import Answer, Wanted
from mobility.domain.descriptions import Description, Stream
from mobility.domain.registration import Availability
from mobility.sip import publisher
from mobility.sip.dialog_info import DialogInfo, DialogState
from mobility.sip.message import Response
from mobility.sip.message_summary import MessageSummary
from mobility.sip.pidf import Pidf
from mobility.sip.xml_elements import MAX_ELEMENTS
from tests.domain.doubles import uri
from tests.sip.event_stack import DOMAIN, EventTestCase, Station

ALICE, BOB = uri("alice"), uri("bob")

OFFER = Description("offer", (Stream("Audio", "RTP/SAVP"),))
ANSWER = Answer(Description("answer", (Stream("Audio", "RTP/SAVP"),)))
RINGING = "early", "recipient"


class PublishTestCase(EventTestCase):
    def publish(self, document: object, *lines: str, about: str = ALICE) -> Response:
        """Publish about somebody; the answer."""
        names = {Pidf: "presence", DialogInfo: "dialog", MessageSummary: "message-summary"}
        kinds = {
            Pidf: "application/pidf+xml",
            DialogInfo: "application/dialog-info+xml",
            MessageSummary: "application/simple-message-summary",
            type(None): "",
        }
        event = f"Event: {names.get(type(document), 'presence')}"
        kind = kinds[type(document)]
        written = [event, *([f"Content-Type: {kind}"] if kind else []), *lines]
        body = b"" if document is None else bytes(document)  # type: ignore[call-overload]
        answer = self.proxy.ask("PUBLISH", about, *written, body=body, sender="alice")
        self.settle()
        return answer

    def looks(self, who: str = ALICE) -> tuple[str, str]:
        presence = self.world.presence.of(who)
        return presence.availability, presence.activity


class PresenceTests(PublishTestCase):
    def test_gruu(self) -> None:
        """What a user is is published of the user, not of one of its phones."""
        self.bind("alice", "urn:x:1")
        gruu = f"{ALICE};gr=urn:x:1"
        self.assertEqual(self.publish(Pidf(ALICE, open=True), about=gruu).status, 489)
        self.assertEqual(len(self.side.publisher), 0)

    def test_life(self) -> None:
        """What is published is what the user looks like until it is changed, removed or over."""
        first = self.publish(Pidf(ALICE, open=True), "Expires: 100")
        self.assertEqual((first.status, first.first("Expires")), (200, "100"))
        self.assertEqual(self.looks(), ("Online", ""))
        etag = f"SIP-If-Match: {first.first('SIP-ETag')}"
        busy = Pidf(ALICE, open=True, activities=frozenset({"on-the-phone"}))
        second = self.publish(busy, etag, "Expires: 100")
        self.assertEqual(self.looks(), ("Busy", "on-the-phone"))
        self.assertEqual(self.publish(None, etag).status, 412)
        self.pass_time(90)
        etag = f"SIP-If-Match: {second.first('SIP-ETag')}"
        third = self.publish(None, etag, "Expires: 100")
        self.assertNotEqual(third.first("SIP-ETag"), second.first("SIP-ETag"))
        self.pass_time(90)
        self.assertEqual(self.looks(), ("Busy", "on-the-phone"))
        self.pass_time(15)
        self.assertEqual(self.looks(), ("Offline", ""))
        self.assertEqual(len(self.side.publisher), 0)

    def test_removed(self) -> None:
        """Expires: 0 takes it back."""
        first = self.publish(Pidf(ALICE, open=True))
        etag = f"SIP-If-Match: {first.first('SIP-ETag')}"
        self.assertEqual(self.publish(None, etag, "Expires: 0").first("Expires"), "0")
        self.assertEqual(self.looks(), ("Offline", ""))

    def test_composition(self) -> None:
        """Of several phones and applications the most active counts, and any that is busy."""
        self.publish(Pidf(ALICE, open=True, activities=frozenset({"away"})))
        self.assertEqual(self.looks(), ("Away", ""))
        self.publish(Pidf(ALICE, open=True, idle=True))
        self.assertEqual(self.looks(), ("IdleOnline", ""))
        endpoint = self.world.sign_in("alice")
        self.assertEqual(self.looks(), ("Online", ""))
        self.publish(Pidf(ALICE, open=True, activities=frozenset({"busy"})))
        self.assertEqual(self.looks(), ("Busy", ""))
        disturbed = Pidf(
            ALICE,
            open=True,
            activities=frozenset({"busy"}),
            activity_notes=("Do not disturb",),
        )
        self.publish(disturbed)
        self.assertEqual(self.looks(), ("DoNotDisturb", ""))
        self.done(self.world.applications.set_presence(endpoint, "BeRightBack", self.world.now))
        self.assertEqual(self.looks(), ("BeRightBack", ""))

    def test_note(self) -> None:
        """A note that a phone publishes is its user's, until it is taken back; one that the user
        has set meanwhile stays."""
        endpoint = self.world.sign_in("alice")
        first = self.publish(Pidf(ALICE, open=True, note="At lunch"))
        self.assertEqual(self.world.presence.of(ALICE).note, "At lunch")
        self.assertIn("own note updated", " ".join(self.world.told(endpoint)))
        etag = f"SIP-If-Match: {first.first('SIP-ETag')}"
        second = self.publish(Pidf(ALICE, open=True), etag)
        self.assertEqual(self.world.presence.of(ALICE).note, "")
        etag = f"SIP-If-Match: {second.first('SIP-ETag')}"
        third = self.publish(Pidf(ALICE, open=True, note="Back"), etag)
        self.done(self.world.applications.set_note(endpoint, "Really back"))
        etag = f"SIP-If-Match: {third.first('SIP-ETag')}"
        self.publish(None, etag, "Expires: 0")
        self.assertEqual(self.world.presence.of(ALICE).note, "Really back")

    def test_closed(self) -> None:
        """A phone whose user is not there does not make the user available; the last endpoint that
        goes makes it offline."""
        endpoint = self.world.sign_in("alice")
        self.publish(Pidf(ALICE, open=False))
        self.assertEqual(self.looks(), ("Online", ""))
        self.world.end(endpoint)
        self.assertEqual(self.looks(), ("Offline", ""))

    def test_refused(self) -> None:
        """Each kind of wrong PUBLISH has its answer."""
        good = Pidf(ALICE, open=True)
        for lines, document, about, status in (
            (("SIP-If-Match: x",), good, ALICE, 412),
            (("SIP-If-Match: x, y",), good, ALICE, 400),
            (("SIP-If-Match: x", "SIP-If-Match: y"), good, ALICE, 400),
            (("SIP-If-Match:",), good, ALICE, 400),
            (("Expires: 5",), good, ALICE, 423),
            ((), None, ALICE, 400),
            ((), good, f"sip:nobody@{DOMAIN}", 404),
            (("Content-Encoding: deflate",), good, ALICE, 415),
        ):
            answer = self.publish(document, *lines, about=about)
            self.assertEqual(answer.status, status, lines)
        answer = self.proxy.ask("PUBLISH", ALICE, "Event: weather")
        known = "dialog, message-summary, presence"
        self.assertEqual((answer.status, answer.first("Allow-Events")), (489, known))
        answer = self.proxy.ask("PUBLISH", ALICE, "Event: presence", body=b"{}")
        self.assertEqual((answer.status, answer.first("Accept")), (415, "application/pidf+xml"))
        kind = "Content-Type: application/pidf+xml"
        bomb = b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>"
        for body in (b"nonsense", bomb, b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'):
            answer = self.proxy.ask("PUBLISH", ALICE, "Event: presence", kind, body=body)
            self.assertEqual(answer.status, 400)
        self.assertEqual(self.looks(), ("Offline", ""))

    def test_bounds(self) -> None:
        """A user may have so many publications, and all users together so many."""
        self.patch(publisher, "MAX_PUBLICATIONS", 1)
        self.assertEqual(self.publish(Pidf(ALICE, open=True)).status, 200)
        self.assertEqual(self.publish(Pidf(ALICE, open=True)).status, 503)

    def test_others(self) -> None:
        """Nobody publishes without saying who it is."""
        answer = Station(self.core).ask("PUBLISH", ALICE, "Event: presence", sender="alice")
        self.assertEqual(answer.status, 407)


class DialogTests(PublishTestCase):
    def test_calls(self) -> None:
        """A phone that publishes a call makes its user busy, and lights the lamps of others."""
        self.proxy.ask("SUBSCRIBE", ALICE, "Event: dialog")
        self.assertEqual(DialogInfo.parse(self.proxy.got[-1].body), DialogInfo(ALICE, 0))
        self.world.sign_in("alice")
        call = DialogState("d1", "confirmed", "recipient", "sip:eve@example.com", "Eve")
        first = self.publish(DialogInfo(ALICE, 0, True, (call,)))
        self.pass_time(2)
        self.assertEqual(self.looks(), ("Busy", "on-the-phone"))
        told = DialogInfo.parse(self.proxy.got[-1].body)
        self.assertEqual(told.version, 1)
        self.assertEqual(told.dialogs, (DialogState("0-d1", "confirmed", "recipient"),))
        etag = f"SIP-If-Match: {first.first('SIP-ETag')}"
        over = DialogInfo(ALICE, 1, True, (DialogState("d1", "terminated"),))
        self.publish(over, etag)
        self.pass_time(2)
        self.assertEqual(self.looks(), ("Online", ""))
        self.assertEqual(DialogInfo.parse(self.proxy.got[-1].body).dialogs, ())

    def test_own_phones(self) -> None:
        """A user's own phones see with whom it talks."""
        self.proxy.ask("SUBSCRIBE", ALICE, "Event: dialog", sender="alice")
        call = DialogState("d1", "early", "recipient", "sip:eve@example.com", "Eve")
        self.publish(DialogInfo(ALICE, 0, True, (call,)))
        self.pass_time(2)
        (told,) = DialogInfo.parse(self.proxy.got[-1].body).dialogs
        self.assertEqual((told.remote, told.remote_name), ("sip:eve@example.com", "Eve"))

    def test_calls_of_this_system(self) -> None:
        """Calls through this system are seen too: calling, ringing, talking, over."""
        alice, bob = self.device("alice"), self.device("bob")
        for who in (ALICE, BOB):
            self.proxy.ask("SUBSCRIBE", who, "Event: dialog", sender="carol")
        world = self.world
        invitation = self.done(world.calls.start(alice, Wanted(BOB, ("Audio",), OFFER), world.now))
        self.pass_time(2)
        self.assertEqual(self.lamps(), {ALICE: [("proceeding", "initiator")], BOB: [RINGING]})
        self.done(world.calls.accept(bob, invitation.id, ANSWER, world.now))
        self.pass_time(2)
        talking = {ALICE: [("confirmed", "initiator")], BOB: [("confirmed", "recipient")]}
        self.assertEqual(self.lamps(), talking)
        self.done(world.calls.stop(alice, invitation.conversation_id, ("Audio",), world.now))
        self.pass_time(2)
        self.assertEqual(self.lamps(), {ALICE: [], BOB: []})

    def lamps(self) -> dict[str, list[tuple[str, str]]]:
        """What was last said of each user's calls: states and directions."""
        infos = [DialogInfo.parse(one.body) for one in self.proxy.got]
        return {one.entity: [(d.state, d.direction) for d in one.dialogs] for one in infos}

    def device(self, name: str) -> Endpoint:
        endpoint = self.world.sign_in(name, available=False)
        available = Availability(("Messaging", "Audio"))
        self.done(self.world.applications.make_available(endpoint, available, self.world.now))
        return endpoint


class SummaryTests(PublishTestCase):
    def test_counts(self) -> None:
        """A voicemail system says what waits, and the user's phones and applications hear of it."""
        endpoint = self.world.sign_in("alice")
        self.proxy.ask("SUBSCRIBE", ALICE, "Event: message-summary", sender="alice")
        empty = MessageSummary(False, account=ALICE)
        self.assertEqual(MessageSummary.parse(self.proxy.got[-1].body), empty)
        answer = self.publish(MessageSummary(True, 2, 5))
        self.assertEqual(answer.status, 200)
        self.pass_time(1)
        waiting = MessageSummary(True, 2, 5, account=ALICE)
        self.assertEqual(MessageSummary.parse(self.proxy.got[-1].body), waiting)
        counts = self.successResultOf(self.world.ledger.history_counts(ALICE))
        self.assertEqual((counts.voicemails, counts.unread_voicemails), (7, 2))
        self.assertIn("missed items", self.world.counted(endpoint))

    def test_unchanged(self) -> None:
        """The same counts again are no news."""
        endpoint = self.world.sign_in("alice")
        self.publish(MessageSummary(True, 1, 0))
        self.world.counted(endpoint)
        self.publish(MessageSummary(True, 1, 0))
        self.assertEqual(self.world.counted(endpoint), [])

    def test_no_counts(self) -> None:
        """A summary that counts nothing says too little."""
        self.assertEqual(self.publish(MessageSummary(True, counted=False)).status, 400)

    def test_who(self) -> None:
        """Only a trusted peer counts."""
        phone = Station(self.core)
        answer = phone.ask("PUBLISH", ALICE, "Event: message-summary", sender="alice")
        self.assertEqual(answer.status, 407)
