"""Messaging sessions with people elsewhere."""

import base64

from mobility.domain.carriers import Disposition
from mobility.domain.correspondence import LIVE_S
from mobility.domain.facts import InvitationChanged, MessageCompleted, TypingChanged
from mobility.domain.history import MISSED
from mobility.domain.messaging import Call, Text
from mobility.domain.records import ConversationLog, DispositionRequest, Message
from mobility.sip.core import Incoming
from mobility.sip.imdn import Notice, notification
from mobility.sip.message import Request
from mobility.sip.message_bodies import CPIM, Written, read_content
from mobility.sip.session_bodies import (
    KEYBOARD,
    description,
    first_message,
    first_text,
    is_session,
    keyboard_activity,
    takes_html,
    tells,
    typing_of,
)
from mobility.sip.sessions import RING_S, Sessions
from mobility.sip.transaction import LIFETIME_S, cancellation
from tests.domain.doubles import done, running, uri
from tests.sip.call_world import Telephone
from tests.sip.samples import request
from tests.sip.test_pages import BOB, PROXY, PagesTestCase

LYNC = (
    "v=0\r\no=- 0 0 IN IP4 192.0.2.20\r\ns=session\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\n"
    "m=message 5060 sip null\r\n"
    "a=accept-types:text/plain text/html multipart/alternative application/im-iscomposing+xml\r\n"
)
MSRP = LYNC.replace("message 5060 sip null", "message 2855 TCP/MSRP *")


class SessionTestCase(PagesTestCase):
    mode = "session"

    def setUp(self) -> None:
        super().setUp()
        self.lync = Telephone(self.core, "bob", PROXY)
        self.lync.names = frozenset({PROXY})
        self.places.peers[PROXY] = self.lync  # type: ignore[assignment]  # it is at a Peer's place
        self.alice = self.world.sign_in("alice", "app")
        self.sessions = Sessions(
            self.core,
            self.client,
            self.parties,
            self.letters,
            self.routes,
            self.pages.begins_with,
            "example.test",
            self.epoch,
            self.call,
        )
        self.carrier.sessions = self.sessions
        self.calls: list[Incoming] = []

    def call(self, incoming: Incoming) -> None:
        """What serves other INVITEs."""
        self.calls.append(incoming)
        incoming.respond(488)

    def settle(self, seconds: float = 0.1) -> None:
        self.world.advance(seconds, step_s=0.02)
        self.clock.advance(seconds)

    def invited(self, text: str = "", *lines: str, offer: str = LYNC, to: str = "alice") -> None:
        """Bob begins a session with somebody here."""
        self.lync.numbers += 1
        number = self.lync.numbers
        to_uri = to if to.startswith("sip:") else uri(to)
        first = base64.b64encode(text.encode()).decode()
        more = [f"Ms-Text-Format: text/plain; charset=UTF-8;msgr=WAAt;ms-body={first}"]
        invite = request(
            "\n".join(
                (
                    f"INVITE {to_uri} SIP/2.0",
                    f"Via: SIP/2.0/TCP {PROXY};branch=z9hG4bKs{number}",
                    "Max-Forwards: 70",
                    f'From: "Bob" <{BOB}>;tag=bob;epid=0123',
                    f"To: <{to_uri}>",
                    f"Call-ID: s{number}",
                    f"CSeq: {number} INVITE",
                    f"Contact: <sip:bob@{PROXY}:5060>",
                    "Content-Type: application/sdp",
                    *(more if text else ()),
                    *lines,
                )
            )
        )
        invite.body = offer.encode()
        self.lync.invite = invite
        self.lync.come(invite)
        self.settle()

    def say(self, method: str, body: str, kind: str = "text/plain; charset=UTF-8") -> int:
        """Bob sends a request within the session that there is; the status of its answer."""
        (session,) = self.sessions._sessions.values()
        self.lync.numbers += 1
        number = 100 + self.lync.numbers
        dialog = session.leg.dialog
        made = request(
            "\n".join(
                (
                    f"{method} sip:192.0.2.1:5060 SIP/2.0",
                    f"Via: SIP/2.0/TCP {PROXY};branch=z9hG4bKw{number}",
                    "Max-Forwards: 70",
                    f"From: {dialog.remote}",
                    f"To: {dialog.local}",
                    f"Call-ID: {dialog.call_id}",
                    f"CSeq: {number} {method}",
                    f"Content-Type: {kind}",
                )
            )
        )
        made.body = body.encode()
        self.lync.come(made)
        self.settle()
        return self.lync.answers[-1].status

    def statuses(self) -> list[int]:
        return [one.status for one in self.lync.answers]

    def invitations(self) -> list[InvitationChanged]:
        facts = [entry.fact for entry in self.world.entries(self.alice)]
        return [fact for fact in facts if isinstance(fact, InvitationChanged)]

    def accept(self) -> str:
        invitation = self.invitations()[-1]
        done(running(self.world.messaging.accept(self.alice, invitation.id)))
        self.settle()
        return invitation.conversation_id

    def read(self) -> list[str]:
        return [
            entry.message.body
            for entry in self.world.entries(self.alice)
            if isinstance(entry.fact, MessageCompleted)
            and entry.fact.direction == "Incoming"
            and entry.message is not None
        ]

    def sent(self) -> list[int]:
        """How many people each completed message did not reach."""
        return [
            len(entry.fact.failed)
            for entry in self.world.entries(self.alice)
            if isinstance(entry.fact, MessageCompleted) and entry.fact.direction == "Outgoing"
        ]

    def start(self, text: str | None = "Hello", kind: str = "Plain") -> str:
        body = Text(kind, f"<b>{text}</b>", text) if kind == "Html" and text else None
        body = body or (None if text is None else Text("Plain", text))
        call = Call(BOB, text=body)
        invitation = done(running(self.world.messaging.start(self.alice, call, self.world.now)))
        self.settle()
        return invitation.conversation_id

    def write(self, conversation_id: str, text: Text) -> None:  # type: ignore[override]
        send = self.world.messaging.send
        done(running(send(self.alice, conversation_id, text, "", self.world.now)))
        self.settle()

    def end(self, conversation_id: str) -> None:
        terminate = self.world.conversations.terminate
        done(running(terminate(self.alice, conversation_id, self.world.now)))
        self.settle()


class IncomingTests(SessionTestCase):
    """Sessions that begin elsewhere."""

    def test_accepted(self) -> None:
        """It rings; when the user accepts the answer has m=message, and messages flow both ways."""
        self.invited("Hi Alice")
        self.assertEqual(self.statuses(), [100, 180])
        self.assertEqual(self.invitations()[0].from_name, "Bob")
        conversation_id = self.accept()
        answer = self.lync.answers[-1]
        self.assertEqual(answer.status, 200)
        self.assertTrue(is_session(answer.body.decode()))
        self.assertIn("ms-text-format", answer.tokens("Supported"))
        self.lync.acknowledges()
        self.assertEqual(self.say("MESSAGE", "More"), 200)
        self.settle(LIVE_S + 1)
        self.assertEqual(self.say("MESSAGE", "Third"), 202)
        self.assertEqual(self.read(), ["Hi Alice", "More", "Third"])
        self.write(conversation_id, Text("Plain", "Back"))
        message = self.lync.last("MESSAGE")
        self.assertEqual(message.body, b"Back")
        self.assertEqual(message.call_id, answer.call_id)
        self.assertEqual(message.uri, f"sip:bob@{PROXY}:5060")
        self.assertEqual(self.sent(), [])
        self.lync.responds(message, 200)
        self.settle()
        self.assertEqual(self.sent(), [0])

    def test_durable(self) -> None:
        """A message that the store does not take is answered 503, and may come again."""
        self.invited("Hi")
        self.accept()
        self.lync.acknowledges()
        self.world.ledger.failing = True
        self.assertEqual(self.say("MESSAGE", "More"), 503)
        self.world.ledger.failing = False
        self.assertEqual(self.say("MESSAGE", "More"), 200)
        self.assertEqual(self.read(), ["Hi", "More"])

    def test_declined(self) -> None:
        """A user who declines answers 603."""
        self.invited("Hi")
        invitation = self.invitations()[-1]
        decline = self.world.conversations.decline
        done(running(decline(self.alice, invitation.id, False, self.world.now)))
        self.settle()
        self.assertEqual(self.statuses(), [100, 180, 603])
        self.assertEqual(len(self.sessions), 0)

    def test_unanswered(self) -> None:
        """An invitation that nobody answers is 480; its text is kept as missed."""
        self.invited("Hi")
        self.settle(120)
        self.assertEqual(self.statuses(), [100, 180, 480])
        (kept,) = self.world.ledger.all(Message).values()
        self.assertTrue(kept.missed)

    def test_nobody(self) -> None:
        """Without a device it is 480 at once, with an unknown user 404."""
        self.invited("Hi", to="carol")
        self.invited("Hi", to="nobody")
        self.assertEqual(self.statuses(), [100, 480, 100, 404])
        self.assertEqual(len(self.sessions), 0)

    def cancel(self, *reasons: str) -> None:
        """Bob cancels what he has begun."""
        invite = self.lync.invite
        assert invite is not None
        cancel = cancellation(invite)
        cancel.set("Reason", *reasons)
        self.lync.come(cancel)
        self.settle()

    def missed(self) -> list[str]:
        logs = self.world.stored(ConversationLog)
        return [one.user_uri for one in logs if one.status == MISSED]

    def test_completed_elsewhere(self) -> None:
        """CANCEL because somebody has answered elsewhere ends the invitation, and nobody has missed
        it, nor its text."""
        self.invited("Hi")
        self.cancel('SIP;cause=200;text="Call completed elsewhere"')
        self.assertEqual(self.statuses()[2:], [200, 487])
        last = self.invitations()[-1]
        assert last.reason is not None
        self.assertEqual(last.reason.subcode, "ConnectedElsewhere")
        self.assertEqual(self.missed(), [])
        (kept,) = self.world.ledger.all(Message).values()
        self.assertFalse(kept.missed)
        self.assertEqual(len(self.sessions), 0)

    def test_cancelled(self) -> None:
        """CANCEL ends the invitation, which was missed."""
        self.invited("Hi")
        self.cancel()
        self.assertEqual(self.missed(), [uri("alice")])
        self.assertEqual(self.statuses()[2:], [200, 487])
        last = self.invitations()[-1]
        self.assertEqual((last.change, last.state), ("completed", "Cancelled"))
        self.assertEqual(len(self.sessions), 0)

    def test_ended(self) -> None:
        """BYE ends the conversation, and so does the user with BYE."""
        self.invited("Hi")
        conversation_id = self.accept()
        self.lync.acknowledges()
        self.assertEqual(self.say("BYE", ""), 200)
        self.assertEqual(self.world.conversations.of(self.alice), [])
        self.invited("Hi again")
        conversation_id = self.accept()
        self.lync.acknowledges()
        self.end(conversation_id)
        self.assertEqual(self.lync.methods[-1], "BYE")
        self.assertEqual(len(self.sessions), 0)

    def test_without_text(self) -> None:
        """A session may begin without a text; one that cannot be read is not said to be shown."""
        self.invited()
        self.accept()
        self.assertEqual(self.read(), [])
        self.assertNotIn("ms-text-format", self.lync.answers[-1].tokens("Supported"))
        self.lync.acknowledges()
        self.say("BYE", "")
        self.invited("", "Ms-Text-Format: text/plain;ms-body=???")
        self.accept()
        self.assertNotIn("ms-text-format", self.lync.answers[-1].tokens("Supported"))

    def test_old_name(self) -> None:
        """Clients of before 2007, and those that do not know the server, call the messages
        x-ms-message, and are answered so."""
        self.invited("Hi", offer=LYNC.replace("m=message", "m=x-ms-message"))
        self.accept()
        answer = self.lync.answers[-1].body.decode()
        self.assertIn("m=x-ms-message 5060 sip null", answer)
        self.assertTrue(is_session(answer))
        self.assertEqual(self.read(), ["Hi"])

    def test_typing(self) -> None:
        """Typing comes as KeyboardActivity in INFO, or as isComposing."""
        self.invited("Hi")
        self.accept()
        self.lync.acknowledges()
        self.assertEqual(self.say("INFO", keyboard_activity(active=True).decode(), KEYBOARD), 200)
        facts = [one.fact for one in self.world.entries(self.alice)]
        self.assertTrue(any(isinstance(one, TypingChanged) for one in facts))
        self.assertEqual(self.say("INFO", "<other/>", KEYBOARD), 200)
        self.assertEqual(self.say("INFO", "no xml", KEYBOARD), 400)

    def test_joins(self) -> None:
        """A session joins the conversation in which the two write already."""
        other = self.peer("x", names=frozenset({PROXY}))
        self.assertEqual(PagesTestCase.write(self, other, BOB, uri("alice")), 200)
        conversation_id = self.accept()
        self.invited("Now in a session")
        self.assertEqual(self.statuses(), [100, 200])
        self.lync.acknowledges()
        self.assertEqual(self.read(), ["Hi", "Now in a session"])
        self.write(conversation_id, Text("Plain", "Back"))
        self.assertEqual(self.lync.last("MESSAGE").call_id, "s1")

    def test_refused(self) -> None:
        """MSRP and calls are not sessions; strangers and oneself have none."""
        self.invited("Hi", offer=MSRP)
        self.invited("Hi", offer=f"{LYNC}m=audio 9 RTP/AVP 0\r\n")
        self.assertEqual(len(self.calls), 2)
        self.lync.names = frozenset()
        self.invited("Hi")
        self.assertEqual(self.statuses()[-1], 403)
        self.assertEqual(len(self.sessions), 0)

    def test_gruu(self) -> None:
        """Phones are in no sessions: one with a GRUU is refused, and rings nobody."""
        self.phone("alice", "a1")
        for instance, status in (("a1", 488), ("a2", 480)):
            self.invited("Hi", to=f"{uri('alice')};gr=urn:x:{instance}")
            self.assertEqual(self.lync.statuses[-1], status)
        self.assertEqual(self.invitations(), [])

    def test_another_one(self) -> None:
        """Within a dialog nobody but who has begun it may write."""
        self.invited("Hi")
        self.accept()
        self.lync.acknowledges()
        thief = Telephone(self.core, "mallory", "192.0.2.66")
        thief.names = frozenset()
        self.lync.answers.clear()
        mine, self.lync = self.lync, thief
        self.assertEqual(self.say("MESSAGE", "Stolen"), 403)
        self.lync = mine
        self.assertEqual(self.read(), ["Hi"])

    def test_refreshed(self) -> None:
        """Another INVITE within the dialog, and what is beyond a session, are answered."""
        self.invited("Hi")
        self.accept()
        self.lync.acknowledges()
        self.lync.within("INVITE", body=LYNC.replace("0 0 IN", "0 1 IN"))
        self.settle()
        self.assertEqual(self.statuses()[-1], 200)
        self.assertTrue(is_session(self.lync.answers[-1].body.decode()))
        self.lync.acknowledges()
        self.lync.within("INVITE", body=MSRP)
        self.settle()
        self.assertEqual(self.statuses()[-1], 488)

    def test_no_ack(self) -> None:
        """A session whose 200 is never acknowledged is over, and so is the conversation."""
        self.invited("Hi")
        self.accept()
        for _ in range(int(LIFETIME_S) + 1):
            self.settle(1.0)
        self.settle()
        self.assertEqual(len(self.sessions), 0)
        self.assertEqual(self.world.conversations.of(self.alice), [])


TELLING = LYNC.replace("text/html", "text/html message/cpim") + (
    "a=accept-wrapped-types:text/plain message/imdn+xml\r\n"
)
"""Who describes a session so tells what becomes of messages."""


class NotificationTests(SessionTestCase):
    """What becomes of the messages of a session (RFC 5438)."""

    def asks(self, body: str, wishes: str = "positive-delivery, display") -> str:
        """The envelope of a message whose sender asks; its id is the text."""
        return (
            f"From: <{BOB}>\r\nTo: <{uri('alice')}>\r\nNS: imdn <urn:ietf:params:imdn>\r\n"
            f"imdn.Message-ID: {body}\r\nDateTime: 2026-11-29T03:00:00Z\r\n"
            f"imdn.Disposition-Notification: {wishes}\r\n\r\n"
            f"Content-Type: text/plain\r\n\r\n{body}"
        )

    def told(self) -> list[Notice]:
        """What Bob was told within the session; each is answered."""
        notices = []
        for message in list(self.lync.got):
            if message.method == "MESSAGE" and message.to.tag == "bob":
                content = read_content(message)
                if isinstance(content, Notice):
                    notices.append(content)
                    self.lync.responds(message, 200)
        self.settle()
        self.lync.got.clear()
        return notices

    def notifies(self, message: Request, disposition: Disposition) -> int:
        """Bob tells what has become of a message that he got; the answer."""
        content = read_content(message)
        assert isinstance(content, Written)
        assert content.wish is not None
        request = DispositionRequest(
            "", 0, uri("alice"), BOB, content.wish.message_id, "", "", True, True
        )
        notice = notification(request, disposition, "n", 0.0).decode()
        return self.say("MESSAGE", notice, CPIM)

    def state(self, conversation_id: str, number: int) -> str:
        conversation, _ = self.world.conversations.find(self.alice, conversation_id)
        message = self.world.ledger.all(Message)[conversation_id, number]
        states = self.world.dispositions.states
        assert states is not None
        return done(running(states.of(conversation, message)))

    def test_told(self) -> None:
        """Who asks is told within the session when the message was received, and when it was read;
        the notification asks for none."""
        self.invited("Hi")
        conversation_id = self.accept()
        self.lync.acknowledges()
        self.assertEqual(self.say("MESSAGE", self.asks("m1"), CPIM), 200)
        self.assertEqual(self.read(), ["Hi", "m1"])
        self.assertEqual(self.told(), [])
        self.world.receive(self.alice)
        self.settle()
        (message,) = self.lync.got
        self.assertNotIn(b"Disposition-Notification", message.body)
        self.assertIn(b"<datetime>2026-11-29T03:00:00Z</datetime>", message.body)
        self.assertEqual(self.told(), [Notice("m1", Disposition.DELIVERED)])
        done(running(self.world.unread.mark(uri("alice"), conversation_id, 2)))
        self.settle()
        self.assertEqual(self.told(), [Notice("m1", Disposition.DISPLAYED)])

    def test_first(self) -> None:
        """The text of an INVITE may ask, too."""
        coded = base64.b64encode(self.asks("m1").encode()).decode()
        self.invited("", f"Ms-Text-Format: message/cpim;ms-body={coded}")
        conversation_id = self.accept()
        self.lync.acknowledges()
        self.lync.got.clear()
        done(running(self.world.unread.mark(uri("alice"), conversation_id, 1)))
        self.settle()
        told = [Notice("m1", one) for one in (Disposition.DELIVERED, Disposition.DISPLAYED)]
        self.assertEqual(self.told(), told)

    def test_not_asked(self) -> None:
        """Nobody is told who has not asked, and nobody tells of a notification or of typing."""
        self.invited("Hi")
        conversation_id = self.accept()
        self.lync.acknowledges()
        self.say("MESSAGE", self.asks("m1", "negative-delivery, processing"), CPIM)
        self.say("MESSAGE", "m2")
        notice = notification(
            DispositionRequest("", 0, uri("alice"), BOB, "x-1", "", "", True, True),
            Disposition.DISPLAYED,
            "n",
            0.0,
        )
        line = b"imdn.Disposition-Notification: positive-delivery\r\nDateTime"
        asking = notice.replace(b"DateTime", line, 1).decode()
        self.assertEqual(self.say("MESSAGE", asking, CPIM), 200)
        self.world.receive(self.alice)
        done(running(self.world.unread.mark(uri("alice"), conversation_id, 3)))
        self.settle()
        self.assertEqual(self.told(), [])

    def test_heard(self) -> None:
        """Who can tell is asked, in an envelope, and what it tells is the message's state."""
        conversation_id = self.start("Hello")
        self.lync.answers_with(200, TELLING, ("Supported", "ms-text-format"))
        self.settle()
        self.write(conversation_id, Text("Plain", "Second"))
        message = self.lync.last("MESSAGE")
        self.assertEqual(message.first("Content-Type"), CPIM)
        content = read_content(message)
        assert isinstance(content, Written)
        self.assertEqual(content.text, Text("Plain", "Second"))
        self.lync.responds(message, 200)
        self.settle()
        self.assertEqual(self.sent(), [0])
        self.assertEqual(self.state(conversation_id, 2), "waiting")
        self.assertEqual(self.notifies(message, Disposition.DELIVERED), 200)
        self.assertEqual(self.state(conversation_id, 2), "delivered")
        self.assertEqual(self.notifies(message, Disposition.DISPLAYED), 200)
        self.assertEqual(self.state(conversation_id, 2), "read")

    def test_no_envelopes(self) -> None:
        """Who refuses envelopes after all gets the text as it is, from then on."""
        conversation_id = self.start("Hello")
        self.lync.answers_with(200, TELLING, ("Supported", "ms-text-format"))
        self.settle()
        self.write(conversation_id, Text("Plain", "Second"))
        self.lync.responds(self.lync.last("MESSAGE"), 415)
        self.settle()
        self.assertEqual(self.lync.last("MESSAGE").body, b"Second")
        self.lync.responds(self.lync.last("MESSAGE"), 200)
        self.settle()
        self.assertEqual(self.state(conversation_id, 2), "delivered")
        self.write(conversation_id, Text("Plain", "Third"))
        self.assertEqual(self.lync.last("MESSAGE").body, b"Third")

    def test_cannot_tell(self) -> None:
        """Who names no envelopes, or no notifications in them, is not asked."""
        for answer in (LYNC, TELLING.replace("imdn", "x"), LYNC.replace("text/plain", "*")):
            self.assertFalse(tells(answer))
        self.assertTrue(tells(TELLING))
        self.assertTrue(tells(description("example.test")))


class OutgoingTests(SessionTestCase):
    """Sessions that begin here."""

    def test_taken(self) -> None:
        """The INVITE takes the first text along; who shows it is not sent it again."""
        conversation_id = self.start("Hello")
        invite = self.lync.last("INVITE")
        self.assertEqual(invite.uri, BOB)
        self.assertTrue(is_session(invite.body.decode()))
        self.assertEqual(invite.from_.sip.aor, uri("alice"))
        text = first_text(invite)
        assert text is not None
        self.assertEqual(text.text.body, "Hello")
        self.lync.answers_with(180)
        self.settle()
        self.assertNotEqual(self.invitations()[-1].state, "Connected")
        self.lync.answers_with(200, LYNC, ("Supported", "ms-text-format"))
        self.settle()
        self.assertEqual(self.lync.methods, ["INVITE", "ACK"])
        self.assertEqual(self.invitations()[-1].state, "Connected")
        self.write(conversation_id, Text("Html", "<b>Bold</b>", "Bold"))
        message = self.lync.last("MESSAGE")
        self.assertEqual(message.first("Content-Type"), "text/html;charset=UTF-8")
        self.lync.responds(message, 415)
        self.settle()
        self.assertEqual(self.lync.last("MESSAGE").body, b"Bold")
        self.lync.responds(self.lync.last("MESSAGE"), 200)
        self.settle()
        self.assertEqual(self.sent(), [0])
        self.end(conversation_id)
        self.assertEqual(self.lync.methods[-1], "BYE")

    def test_not_shown(self) -> None:
        """Who does not say that it has shown the text gets it as a MESSAGE."""
        self.start("Hello")
        self.lync.answers_with(200, LYNC)
        self.settle()
        self.assertEqual(self.lync.methods, ["INVITE", "ACK", "MESSAGE"])
        self.assertNotEqual(self.invitations()[-1].state, "Connected")
        self.lync.responds(self.lync.last("MESSAGE"), 200)
        self.settle()
        self.assertEqual(self.invitations()[-1].state, "Connected")

    def test_declined(self) -> None:
        """603 declines the invitation; 486 says that nobody is there."""
        for status, subcode in ((603, "Declined"), (486, "Unavailable")):
            self.start("Hello")
            self.lync.answers_with(status)
            self.settle()
            reason = self.invitations()[-1].reason
            assert reason is not None
            self.assertEqual(reason.subcode, subcode)
        self.assertEqual(len(self.sessions), 0)

    def test_cancelled(self) -> None:
        """A user who gives up cancels the INVITE."""
        conversation_id = self.start("Hello")
        self.lync.answers_with(180)
        self.end(conversation_id)
        self.assertEqual(self.lync.methods, ["INVITE", "CANCEL"])
        self.lync.answers_with(487)
        self.settle()
        self.assertEqual(len(self.sessions), 0)

    def test_rings_for_ever(self) -> None:
        """An INVITE that rings for ever is given up."""
        self.start("Hello")
        self.lync.answers_with(180)
        self.settle(RING_S + 1)
        self.assertEqual(self.lync.methods, ["INVITE", "CANCEL"])

    def test_without_text(self) -> None:
        """Without a text the answer decides."""
        self.start(None)
        self.assertEqual(self.lync.methods, ["INVITE"])
        self.assertNotIn("Ms-Text-Format", self.lync.last("INVITE").fields)
        self.lync.answers_with(200, LYNC)
        self.settle()
        self.assertEqual(self.invitations()[-1].state, "Connected")

    def test_typing(self) -> None:
        """Typing goes as KeyboardActivity."""
        conversation_id = self.start("Hello")
        self.lync.answers_with(200, LYNC, ("Supported", "ms-text-format"))
        self.settle()
        typing = self.world.messaging.set_typing
        done(running(typing(self.alice, conversation_id, self.world.now)))
        self.settle()
        info = self.lync.last("INFO")
        self.assertEqual(info.first("Content-Type"), KEYBOARD)
        said = typing_of(info)
        assert said is not None
        self.assertTrue(said.active)

    def test_lost(self) -> None:
        """A session that the other side has lost is followed by a new one with the same text."""
        conversation_id = self.start("Hello")
        self.lync.answers_with(200, LYNC, ("Supported", "ms-text-format"))
        self.settle()
        self.write(conversation_id, Text("Plain", "Second"))
        self.lync.responds(self.lync.last("MESSAGE"), 481)
        self.settle()
        again = self.lync.last("INVITE")
        text = first_text(again)
        assert text is not None
        self.assertEqual(text.text.body, "Second")
        self.lync.answers_with(200, LYNC, ("Supported", "ms-text-format"))
        self.settle()
        self.assertEqual(self.sent(), [0])

    def test_refused_message(self) -> None:
        """A message that is refused or not answered is told as not delivered."""
        conversation_id = self.start("Hello")
        self.lync.answers_with(200, LYNC, ("Supported", "ms-text-format"))
        self.settle()
        self.write(conversation_id, Text("Plain", "Second"))
        self.lync.responds(self.lync.last("MESSAGE"), 500)
        self.settle()
        self.assertEqual(self.sent(), [1])

    def test_crossing(self) -> None:
        """Two INVITEs that cross are one conversation, and the text goes over the other session."""
        self.start("Hello")
        self.invited("Hi")
        self.assertEqual(self.statuses(), [100, 200])
        self.lync.acknowledges()
        self.settle()
        self.assertEqual(self.lync.last("MESSAGE").body, b"Hello")
        self.assertEqual(self.lync.last("MESSAGE").call_id, "s1")
        self.lync.responds(self.lync.last("MESSAGE"), 200)
        self.settle()
        self.assertEqual(self.read(), ["Hi"])
        self.assertEqual(len(self.world.conversations.of(self.alice)), 1)

    def test_page_mode(self) -> None:
        """A peer that takes no sessions is written to without one, and asked once."""
        conversation_id = self.start("Hello")
        self.lync.answers_with(488)
        self.settle()
        message = self.lync.last("MESSAGE")
        self.assertEqual(message.body, b"Hello")
        self.assertFalse(message.to.tag)
        self.lync.responds(message, 200)
        self.settle()
        self.assertEqual(self.invitations()[-1].state, "Connected")
        self.write(conversation_id, Text("Plain", "Second"))
        self.assertEqual([one for one in self.lync.methods if one == "INVITE"], ["INVITE"])


class FallingBackTests(SessionTestCase):
    """A route of page mode."""

    mode = "page"

    def test_session(self) -> None:
        """Who refuses MESSAGE outside of a session is asked for one."""
        self.start("Hello")
        self.lync.responds(self.lync.last("MESSAGE"), 405)
        self.settle()
        self.lync.answers_with(200, LYNC, ("Supported", "ms-text-format"))
        self.settle()
        self.assertEqual(self.lync.methods, ["MESSAGE", "INVITE", "ACK"])
        self.assertEqual(self.invitations()[-1].state, "Connected")

    def test_neither(self) -> None:
        """Who takes neither is not reached."""
        self.start("Hello")
        self.lync.responds(self.lync.last("MESSAGE"), 405)
        self.settle()
        self.lync.answers_with(488)
        self.settle()
        reason = self.invitations()[-1].reason
        assert reason is not None
        self.assertEqual(reason.subcode, "ModalityNotSupported")


class BodyTests(SessionTestCase):
    def test_descriptions(self) -> None:
        """One stream of messages by SIP is a session, and nothing else."""
        self.assertTrue(is_session(description("example.test")))
        self.assertTrue(takes_html(description("example.test")))
        for other in ("", MSRP, LYNC + LYNC, "m=message", "m=message 1", "m=audio 1 sip null"):
            self.assertFalse(is_session(other), other)
        self.assertFalse(takes_html("m=message 5060 sip null\r\na=accept-types:text/plain"))

    def test_long_text(self) -> None:
        """A long text does not go along with the INVITE."""
        self.assertEqual(first_message(Text("Plain", "x" * 5_000)), [])
        ((name, value),) = first_message(Text("Html", "<b>é</b>", "é"))
        invite = Request(fields={name.lower(): [value]}, method="INVITE", uri=BOB)
        text = first_text(invite)
        assert text is not None
        self.assertEqual((text.text.format, text.text.body), ("Plain", "é"))
