"""History: who keeps which part of a conversation, what is missed, and what is read."""

from collections.abc import Awaitable

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.applications import Endpoint
from mobility.domain.conferences import Join
from mobility.domain.history import (
    MAX_PREVIEW,
    MAX_RECIPIENTS,
    Page,
    PastCall,
    Recipient,
    recipients_of,
)
from mobility.domain.ledger import HistoryCounts, Unit
from mobility.domain.records import (
    ConversationLog,
    Invitation,
    Leftover,
    Message,
    ReadMark,
    VoicemailCount,
)
from mobility.errors import Refusal
from tests.domain.doubles import Bounds, World, done, running, uri


class HistoryCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World("alice", "bob", "carol", bounds=Bounds(conversations=20))
        self.alice = self.world.sign_in("alice")
        self.bob = self.world.sign_in("bob")

    def logs(self, name: str) -> list[ConversationLog]:
        """What somebody has in the history, newest first."""
        return list(done(running(self.world.history.logs(uri(name), 100))))

    def log(self, name: str) -> ConversationLog:
        (log,) = self.logs(name)
        return log

    def counts(self, name: str) -> HistoryCounts:
        return done(running(self.world.history.counts(uri(name))))

    def page(self, log: ConversationLog, after: int = 0, limit: int = 100) -> Page:
        return done(running(self.world.history.transcripts(log, after, limit)))

    def texts(self, name: str) -> list[str]:
        """The messages of somebody's only log."""
        shown = self.page(self.log(name)).transcripts
        return [one.message.body for one in shown if one.message is not None]

    def refused(self, deferred: Deferred[object]) -> tuple[str, str | None]:
        refusal = self.failureResultOf(deferred, Refusal).value
        return refusal.code, refusal.subcode

    def chat(self, *texts: str) -> str:
        """A conversation of Alice and Bob in which both write by turns; its id."""
        conversation_id = self.world.connected(self.alice, self.bob)
        for number, text in enumerate(texts):
            writer = self.bob if number % 2 else self.alice
            done(self.world.send(writer, conversation_id, text))
        return conversation_id

    def set_history(self, endpoint: Endpoint, value: str) -> None:
        """PUT communication with another conversationHistory."""
        change = {"conversation_history": value}
        done(
            running(
                self.world.applications.update_communication(endpoint, endpoint.record.etag, change)
            )
        )


class PartTests(HistoryCase):
    """A conversation between two parties comes into the history of both."""

    def test_both_have_it(self) -> None:
        """Each side has a log of its own, with who the other was and what was said."""
        self.world.now += 5
        began = self.world.now
        conversation_id = self.chat("Hello", "Hi", "Bye")
        self.world.now += 60
        done(self.world.terminate(self.alice, conversation_id))
        for name, other, direction in (("alice", "bob", "Outgoing"), ("bob", "alice", "Incoming")):
            log = self.log(name)
            self.assertEqual(
                (log.direction, log.status, log.type), (direction, "Archived", "MessageLog")
            )
            self.assertEqual((log.began_at, log.created_at), (began, self.world.now))
            self.assertEqual(log.modalities, "Messaging")
            self.assertEqual(recipients_of(log), [Recipient(uri(other), other.capitalize())])
            self.assertEqual(log.recipient_count, 1)
            self.assertEqual(self.texts(name), ["Hello", "Hi", "Bye"])

    def test_nothing_before_the_end(self) -> None:
        """A conversation that goes on is no history yet."""
        self.chat("Hello")
        self.assertEqual(self.logs("alice"), [])

    def test_no_row_for_a_message(self) -> None:
        """A message costs the history nothing: the unit that stores it has the message alone."""
        conversation_id = self.chat()
        done(self.world.send(self.alice, conversation_id, "Hello"))
        self.assertEqual([type(one) for one in self.world.ledger.units[-1].saves], [Message])

    def test_body_is_stored_once(self) -> None:
        """However many have a message in the history, the store has its body once."""
        conversation_id = self.chat("Hello")
        done(self.world.terminate(self.alice, conversation_id))
        self.assertEqual(len(self.world.stored(Message)), 1)

    def test_one_unit(self) -> None:
        """The end of a conversation and its logs are one unit of work, stored or not together."""
        conversation_id = self.chat("Hello")
        self.world.ledger.failing = True
        self.world.terminate(self.alice, conversation_id).addErrback(lambda _: None)
        self.world.ledger.failing = False
        self.assertEqual(self.logs("alice"), [])
        done(self.world.terminate(self.alice, conversation_id))
        (unit,) = [
            unit
            for unit in self.world.ledger.units
            if any(isinstance(one, ConversationLog) for one in unit.saves)
        ]
        self.assertEqual(sum(isinstance(one, ConversationLog) for one in unit.saves), 2)
        self.assertIn(Leftover(conversation_id), unit.saves)

    def test_everybody_is_told(self) -> None:
        """All applications of both are told that their counts have changed."""
        desk = self.world.sign_in("bob", "desk")
        conversation_id = self.chat("Hello")
        for endpoint in (self.alice, self.bob, desk):
            self.world.counted(endpoint)
        done(self.world.terminate(self.bob, conversation_id))
        self.assertEqual(self.world.counted(self.alice), ["missed items"])
        self.assertEqual(self.world.counted(self.bob), ["missed items", "unread"])
        self.assertEqual(self.world.counted(desk), ["missed items", "unread"])

    def test_disabled(self) -> None:
        """With conversationHistory Disabled nothing is kept, for that side alone."""
        self.set_history(self.bob, "Disabled")
        done(self.world.terminate(self.alice, self.chat("Hello")))
        self.assertEqual(self.logs("bob"), [])
        self.assertEqual(self.texts("alice"), ["Hello"])

    def test_none_is_the_setting(self) -> None:
        """conversationHistory None leaves it to the server, which keeps history."""
        self.set_history(self.bob, "None")
        done(self.world.terminate(self.alice, self.chat("Hello")))
        self.assertEqual(self.texts("bob"), ["Hello"])

    def test_after_a_restart(self) -> None:
        """What was known of a conversation before a restart is in its log after it."""
        conversation_id = self.chat("Hello", "Hi", "Bye")
        self.world = self.world.restarted()
        done(self.world.terminate(self.world.same(self.alice), conversation_id))
        self.assertEqual(
            (self.log("alice").direction, self.log("bob").direction), ("Outgoing", "Incoming")
        )
        self.assertEqual(recipients_of(self.log("bob")), [Recipient(uri("alice"), "Alice")])
        self.assertEqual((self.log("alice").read, self.log("bob").read), (True, False))
        self.assertEqual(self.log("bob").read_message, 2)

    def test_sign_out(self) -> None:
        """Who signs out has the conversation in the history like who hangs up."""
        self.chat("Hello", "Hi")
        done(self.world.end(self.alice))
        self.assertEqual(self.texts("alice"), ["Hello", "Hi"])
        self.assertEqual(self.texts("bob"), ["Hello", "Hi"])


class MissedTests(HistoryCase):
    """Nobody's message dies of a timer."""

    def test_unanswered(self) -> None:
        """An invitation that nobody answers is missed by the callee, with its message."""
        done(self.world.call(self.alice, "bob", "Hungry?"))
        self.world.counted(self.bob)
        self.world.advance(31)
        log = self.log("bob")
        self.assertEqual((log.status, log.direction, log.read), ("Missed", "Incoming", False))
        self.assertEqual(self.texts("bob"), ["Hungry?"])
        self.assertEqual((self.log("alice").status, self.log("alice").read), ("Archived", True))
        self.assertEqual(self.world.counted(self.bob), ["missed items", "unread"])
        self.assertEqual(
            self.counts("bob"), HistoryCounts(logs=1, missed=1, unread_missed=1, unread_messages=1)
        )

    def test_unreachable(self) -> None:
        """So is a message for somebody who has no application at all."""
        done(self.world.call(self.alice, "carol", "Hungry?", subject="Lunch"))
        log = self.log("carol")
        self.assertEqual((log.status, log.subject, log.read), ("Missed", "Lunch", False))
        self.assertEqual(self.texts("carol"), ["Hungry?"])
        self.assertEqual(recipients_of(log), [Recipient(uri("alice"), "Alice")])
        self.assertEqual(self.texts("alice"), ["Hungry?"])
        self.assertIn(Leftover(log.conversation_id), self.world.stored(Leftover))

    def test_without_a_message(self) -> None:
        """An invitation without a message can be missed too."""
        done(self.world.call(self.alice, "carol", None))
        self.assertEqual(self.page(self.log("carol")).transcripts, [])
        self.assertEqual(
            self.counts("carol"), HistoryCounts(logs=1, missed=1, unread_missed=1, unread_calls=1)
        )

    def test_cancelled(self) -> None:
        """What the caller gives up before it is answered is missed."""
        invitation = done(self.world.call(self.alice, "bob", "Never mind"))
        done(self.world.terminate(self.alice, invitation.conversation_id))
        self.assertEqual(self.log("bob").status, "Missed")

    def test_signed_out_while_it_rang(self) -> None:
        """What rang on the last device when that signed out is missed."""
        done(self.world.call(self.alice, "bob", "Hungry?"))
        done(self.world.end(self.bob))
        self.assertEqual(self.log("bob").status, "Missed")

    def test_declined(self) -> None:
        """What was declined was not missed, and is read."""
        invitation = done(self.world.call(self.alice, "bob", "Hungry?"))
        done(self.world.decline(self.bob, invitation))
        self.assertEqual((self.log("bob").status, self.log("bob").read), ("Archived", True))

    def test_answered_elsewhere(self) -> None:
        """What one device answered was not missed by the other one."""
        desk = self.world.sign_in("bob", "desk")
        invitation = done(self.world.call(self.alice, "bob", "Hungry?"))
        done(self.world.accept(desk, invitation))
        self.assertEqual(self.logs("bob"), [])
        done(self.world.terminate(self.alice, invitation.conversation_id))
        self.assertEqual(self.log("bob").status, "Archived")

    def test_missed_in_spite_of_disabled(self) -> None:
        """What was missed is kept whatever conversationHistory says."""
        self.set_history(self.bob, "Disabled")
        done(self.world.call(self.alice, "bob", "Hungry?"))
        self.world.advance(31)
        self.assertEqual(self.log("bob").status, "Missed")

    def test_unknown(self) -> None:
        """Of an address that nobody has only the caller has a log."""
        done(self.world.call(self.alice, "nobody", "Hello?"))
        self.assertEqual(recipients_of(self.log("alice")), [Recipient(uri("nobody"))])
        self.assertEqual(self.texts("alice"), ["Hello?"])
        self.assertEqual(len(self.world.stored(ConversationLog)), 1)

    def test_asked_into_a_meeting(self) -> None:
        """Who is asked into a meeting and is away has missed a conference."""
        conversation_id = self.chat("Secret")
        done(
            running(
                self.world.conferences.add_participant(
                    self.alice, conversation_id, uri("carol"), "", self.world.now
                )
            )
        )
        log = self.log("carol")
        self.assertEqual((log.status, log.type), ("Missed", "ConferenceLog"))
        self.assertTrue(log.meeting_uri.startswith(uri("alice")))
        self.assertEqual(self.page(log).transcripts, [])


class ConferenceTests(HistoryCase):
    """Everybody has of a conference what happened while he or she was in it."""

    def setUp(self) -> None:
        super().setUp()
        self.carol = self.world.sign_in("carol")
        invitation = done(running(self.join(self.alice, "")))
        self.conversation_id = invitation.conversation_id
        self.meeting_uri = self.world.conversation(
            self.alice, self.conversation_id
        ).record.meeting_uri

    def join(self, endpoint: Endpoint, meeting_uri: str) -> Awaitable[Invitation]:
        return self.world.conferences.join(endpoint, meeting_uri, Join(), self.world.now)

    def enter(self, endpoint: Endpoint) -> None:
        done(running(self.join(endpoint, self.meeting_uri)))
        self.write_in(endpoint)

    def write_in(self, endpoint: Endpoint) -> None:
        done(running(self.world.messaging.add(endpoint, self.conversation_id, "", self.world.now)))

    def test_parts(self) -> None:
        """A log has the messages from when its user came in until when the user went."""
        self.write_in(self.alice)
        done(self.world.send(self.alice, self.conversation_id, "one"))
        self.enter(self.bob)
        done(self.world.send(self.bob, self.conversation_id, "two"))
        done(self.world.terminate(self.bob, self.conversation_id))
        done(self.world.send(self.alice, self.conversation_id, "three"))
        self.assertEqual(self.texts("bob"), ["two"])
        done(self.world.terminate(self.alice, self.conversation_id))
        self.assertEqual(self.texts("alice"), ["one", "two", "three"])

    def test_coming_again(self) -> None:
        """Who leaves and comes again has two logs, and not what was said between."""
        self.enter(self.bob)
        done(self.world.terminate(self.bob, self.conversation_id))
        self.write_in(self.alice)
        done(self.world.send(self.alice, self.conversation_id, "secret"))
        self.world.now += 1
        self.enter(self.bob)
        done(self.world.terminate(self.bob, self.conversation_id))
        self.assertEqual(
            [self.page(log).transcripts for log in self.logs("bob")],
            [[], []],
        )

    def test_the_last_one_knows_who_was_there(self) -> None:
        """A log names those who left before, also when the server was restarted between."""
        for endpoint in (self.bob, self.carol):
            self.enter(endpoint)
        done(self.world.terminate(self.bob, self.conversation_id))
        self.world = self.world.restarted()
        done(self.world.terminate(self.world.same(self.carol), self.conversation_id))
        done(self.world.terminate(self.world.same(self.alice), self.conversation_id))
        others = {recipient.uri for recipient in recipients_of(self.log("alice"))}
        self.assertEqual(others, {uri("bob"), uri("carol")})
        self.assertEqual(self.log("alice").type, "ConferenceLog")
        self.assertEqual(self.log("alice").meeting_uri, self.meeting_uri)

    def test_bounded(self) -> None:
        """A log names so many people and no more, and says how many there were."""
        conversation = self.world.conversation(self.alice, self.conversation_id)
        conversation.readings.left |= {uri(f"guest{number}"): "Guest" for number in range(80)}
        done(self.world.terminate(self.alice, self.conversation_id))
        log = self.log("alice")
        self.assertEqual((len(recipients_of(log)), log.recipient_count), (MAX_RECIPIENTS, 80))


class ReadTests(HistoryCase):
    """Transcripts, previews, markAsRead and DELETE."""

    def test_pages(self) -> None:
        """Transcripts come in pages, and the last one says that it is the last."""
        done(self.world.terminate(self.alice, self.chat("1", "2", "3", "4", "5")))
        log = self.log("alice")
        first, second, third = self.page(log, 0, 2), self.page(log, 2, 2), self.page(log, 4, 2)
        self.assertEqual([one.number for one in first.transcripts], [1, 2])
        self.assertEqual([one.number for one in second.transcripts], [3, 4])
        self.assertEqual([one.number for one in third.transcripts], [5])
        self.assertEqual([page.more for page in (first, second, third)], [True, True, False])

    def test_lost_message(self) -> None:
        """A message that is not in the store any more has a transcript that says so."""
        conversation_id = self.chat("1", "2", "3")
        done(self.world.terminate(self.alice, conversation_id))
        del self.world.ledger.all(Message)[(conversation_id, 2)]
        shown = self.page(self.log("alice")).transcripts
        self.assertEqual([one.message is None for one in shown], [False, True, False])

    def test_preview(self) -> None:
        """The preview is the beginning of the first message, "" without one."""
        done(self.world.terminate(self.alice, self.chat("x" * 1_000)))
        preview = done(running(self.world.history.preview(self.log("alice"))))
        self.assertEqual(preview, "x" * MAX_PREVIEW)

    def test_mark_read(self) -> None:
        """What is marked as read counts as unread no more, and is told once."""
        done(self.world.call(self.alice, "bob", "Hungry?"))
        self.world.advance(31)
        self.world.counted(self.bob)
        log = self.log("bob")
        for _ in range(2):
            done(running(self.world.history.mark_read(uri("bob"), log.id)))
        self.assertEqual(self.counts("bob"), HistoryCounts(logs=1, missed=1))
        self.assertEqual(self.world.counted(self.bob), ["missed items", "unread"])

    def test_remove(self) -> None:
        """A log that is removed is gone for its user alone."""
        done(self.world.terminate(self.alice, self.chat("Hello")))
        log = self.log("bob")
        self.world.counted(self.bob)
        done(running(self.world.history.remove(uri("bob"), log.id)))
        self.assertEqual((self.logs("bob"), self.texts("alice")), ([], ["Hello"]))
        self.assertEqual(self.world.counted(self.bob), ["missed items", "unread"])
        again = running(self.world.history.remove(uri("bob"), log.id))
        self.assertEqual(self.refused(again), ("NotFound", "ResourceNotFound"))

    def test_somebody_elses(self) -> None:
        """Nobody reads, marks or removes what another one has."""
        done(self.world.terminate(self.alice, self.chat("Hello")))
        log = self.log("alice")
        history = self.world.history
        for attempt in (history.log, history.mark_read, history.remove):
            self.assertEqual(
                self.refused(running(attempt(uri("bob"), log.id))),
                ("NotFound", "ResourceNotFound"),
            )

    def test_removed_user(self) -> None:
        """The history of a user who is removed goes with the user, however long it is."""
        log = ConversationLog(uri("bob"), "", "c", 1, 1, "", "", "", "", "", "", "", "", "[]", 0)
        for number in range(450):
            one = attrs.evolve(log, id=str(number), conversation_id=str(number % 3))
            self.world.ledger.all(ConversationLog)[(one.user_uri, one.id)] = one
        self.chat("Hello")
        unit = Unit()
        self.world.history.count_voicemail(unit, uri("bob"), 2, 1)
        done(self.world.ledger.commit(unit))
        done(running(self.world.users.remove(uri("bob"), self.world.now)))
        self.assertEqual(self.logs("bob"), [])
        self.assertEqual(self.world.stored(VoicemailCount), [])
        self.assertEqual(self.texts("alice"), ["Hello"])
        left = {leftover.conversation_id for leftover in self.world.stored(Leftover)}
        self.assertLessEqual({"0", "1", "2"}, left)


class CallTests(HistoryCase):
    """What the services of calls and voicemail record."""

    def record(self, name: str, call: PastCall) -> None:
        unit = Unit()
        self.world.history.record_call(unit, uri(name), call, self.world.now)
        done(self.world.ledger.commit(unit))

    def test_missed_call(self) -> None:
        """A missed call is counted, told of, and unread until it is marked."""
        other = Recipient("tel:+14255550100", "Fabrikam")
        call = PastCall("call-1", "Incoming", other, self.world.now, missed=True, status="Ended")
        self.world.counted(self.bob)
        self.record("bob", call)
        log = self.log("bob")
        self.assertEqual(
            (log.status, log.type, log.modalities), ("Missed", "AudioLog", "PhoneAudio")
        )
        self.assertEqual(self.world.counted(self.bob), ["missed items", "unread"])
        self.assertEqual(self.counts("bob").unread_calls, 1)
        done(running(self.world.history.mark_read(uri("bob"), log.id)))
        self.assertEqual(self.counts("bob"), HistoryCounts(logs=1, missed=1))

    def test_answered_call(self) -> None:
        """An answered call is archived, with how long it lasted."""
        call = PastCall(
            "call-1", "Outgoing", Recipient(uri("bob"), "Bob"), 1.0, "Video", duration_s=65.4
        )
        self.record("alice", call)
        (shown,) = self.page(self.log("alice")).transcripts
        assert shown.call is not None
        self.assertEqual((shown.call.duration_s, shown.call.type), (65.4, "VideoLog"))
        self.assertEqual((self.log("alice").status, self.log("alice").read), ("Archived", True))

    def test_stranger(self) -> None:
        """Who is no user has no history."""
        self.record("nobody", PastCall("call-1", "Incoming", Recipient(uri("bob")), 1.0))
        self.assertEqual(self.world.stored(ConversationLog), [])

    def test_voicemail(self) -> None:
        """The counts of a mailbox are the last ones that were told."""
        for total, unread in ((3, 2), (3, 1)):
            unit = Unit()
            self.world.history.count_voicemail(unit, uri("bob"), total, unread)
            done(self.world.ledger.commit(unit))
        self.assertEqual(self.counts("bob"), HistoryCounts(voicemails=3, unread_voicemails=1))


class UnreadTests(HistoryCase):
    """What is unread on all devices of a user."""

    def badge(self, name: str) -> int:
        return done(running(self.world.unread.of(uri(name)))).badge

    def mark(self, name: str, conversation_id: str, number: int) -> None:
        done(running(self.world.unread.mark(uri(name), conversation_id, number)))

    def test_messages(self) -> None:
        """Messages of others are unread until they are marked, answered, or left behind."""
        conversation_id = self.chat()
        for number in range(3):
            done(self.world.send(self.alice, conversation_id, str(number)))
        self.assertEqual((self.badge("alice"), self.badge("bob")), (0, 3))
        self.mark("bob", conversation_id, 2)
        self.assertEqual(self.badge("bob"), 1)
        self.mark("bob", conversation_id, 1)
        self.assertEqual(self.badge("bob"), 1)
        done(self.world.send(self.bob, conversation_id, "answer"))
        self.assertEqual((self.badge("alice"), self.badge("bob")), (1, 0))
        done(self.world.terminate(self.alice, conversation_id))
        self.assertEqual(self.badge("alice"), 0)

    def test_mark_survives(self) -> None:
        """After a restart what was read is still read, and what was not is not."""
        conversation_id = self.chat()
        for number in range(3):
            done(self.world.send(self.alice, conversation_id, str(number)))
        self.mark("bob", conversation_id, 2)
        self.world = self.world.restarted()
        self.assertEqual((self.badge("alice"), self.badge("bob")), (0, 1))

    def test_mark_becomes_part_of_the_log(self) -> None:
        """When the other one hangs up, what is unread stays so, in the history."""
        conversation_id = self.chat()
        for number in range(3):
            done(self.world.send(self.alice, conversation_id, str(number)))
        self.mark("bob", conversation_id, 2)
        done(self.world.terminate(self.alice, conversation_id))
        self.assertEqual(self.world.stored(ReadMark), [])
        self.assertEqual((self.badge("bob"), self.log("bob").read_message), (1, 2))
        self.mark("bob", conversation_id, 99)
        self.assertEqual((self.badge("bob"), self.log("bob").read), (0, True))

    def test_other_devices_hear(self) -> None:
        """All devices hear of what is marked; one that takes no part hears of the first unread
        message and of the answer, not of each message."""
        desk = self.world.sign_in("bob", "desk")
        conversation_id = self.chat()
        self.world.counted(desk)
        for number in range(3):
            done(self.world.send(self.alice, conversation_id, str(number)))
        self.assertEqual(self.world.counted(desk), ["unread"])
        done(self.world.send(self.bob, conversation_id, "answer"))
        self.assertEqual(self.world.counted(desk), ["unread"])
        done(self.world.send(self.alice, conversation_id, "more"))
        self.world.counted(desk)
        self.mark("bob", conversation_id, 5)
        self.assertEqual(self.world.counted(desk), ["unread"])
        self.assertEqual(self.world.counted(self.bob), ["unread"])

    def test_missed(self) -> None:
        """Missed messages, missed calls and voicemails all count."""
        done(self.world.call(self.alice, "carol", "Hungry?"))
        unit = Unit()
        call = PastCall("call-1", "Incoming", Recipient(uri("bob")), 1.0, missed=True)
        self.world.history.record_call(unit, uri("carol"), call, self.world.now)
        self.world.history.count_voicemail(unit, uri("carol"), 9, 4)
        done(self.world.ledger.commit(unit))
        self.assertEqual(self.badge("carol"), 6)

    def test_somebody_elses(self) -> None:
        """Who takes no part in a conversation cannot mark it: 404 ConversationNotFound."""
        conversation_id = self.chat("Hello")
        attempt = running(self.world.unread.mark(uri("carol"), conversation_id, 1))
        self.assertEqual(self.refused(attempt), ("NotFound", "ConversationNotFound"))

    def test_full_disk(self) -> None:
        """A mark that cannot be stored is none."""
        conversation_id = self.chat()
        done(self.world.send(self.alice, conversation_id, "Hello"))
        self.world.ledger.failing = True
        running(self.world.unread.mark(uri("bob"), conversation_id, 1)).addErrback(lambda _: None)
        self.world.ledger.failing = False
        self.assertEqual(self.badge("bob"), 1)

    def test_replay(self) -> None:
        """replayMessage tells an application again of what is unread in its conversations."""
        conversation_id = self.chat("Hello", "Hi")
        for text in ("one", "two"):
            done(self.world.send(self.alice, conversation_id, text))
        self.world.told(self.bob, self.alice)
        done(running(self.world.unread.replay(self.bob)))
        done(running(self.world.unread.replay(self.alice)))
        self.assertEqual(
            self.world.told(self.bob), ["message 3 Incoming 'one'", "message 4 Incoming 'two'"]
        )
        self.assertEqual(self.world.told(self.alice), [])

    def test_guest(self) -> None:
        """Who is no user has nothing in the history and nothing unread."""
        self.assertEqual(self.badge("nobody"), 0)
