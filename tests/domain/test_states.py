"""The state machines: what is legal, that nothing else happens, and that the page shows it."""

import ast
from pathlib import Path

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import mobility.domain
from mobility.domain.records import Conversation, Invitation, Leg, Participant
from mobility.domain.states import (
    ATTENDANCE,
    INVITATION,
    LEG,
    MESSAGING_MODALITY,
    Attended,
    Held,
    IllegalTransition,
    Invited,
    Involved,
    Messaged,
    admission,
    conversation_after,
    invitation_after,
    leg_after,
    messaging_after,
    participant_after,
    standing,
)
from mobility.state_diagrams import MACHINES, main, page

DOMAIN = Path(mobility.domain.__file__).parent
PAGE = Path(__file__).parent.parent.parent / "docs" / "state-diagrams.md"
COMMAND = "run: python -m mobility.state_diagrams docs/state-diagrams.md"

STATE_FIELDS = {"state", "messaging", "role", "in_lobby", "negotiation", "call"}
"""Fields of records that are states: only `states` and `call_states` change them."""

RINGING = Leg("c", "a", "sip:bob@example.test", "Incoming", "Connecting")
OPEN = Invitation("i", "c", "sip:a@example.test", "1", "sip:b@example.test", "", 0.0, 30.0)
WAITING = Participant("c", "u", "U", "Attendee", True, False, False, 0.0)


class MachineTests(SynchronousTestCase):
    """What holds for every machine."""

    def test_events(self) -> None:
        """Every event of a machine can happen in some state."""
        for machine in MACHINES:
            events = {event for _, event in machine.table}
            self.assertEqual(events, set(type(next(iter(events)))), machine.name)

    def test_reachable(self) -> None:
        """Every state is reached from one in which the thing comes into being."""
        for machine in MACHINES:
            reached = set(machine.begins)
            for _ in machine.table:
                reached |= {to for (state, _), to in machine.table.items() if state in reached}
            self.assertEqual(reached, set(machine.states), machine.name)

    def test_ends(self) -> None:
        """What ends stays so: no way leads out of an end."""
        for machine in MACHINES:
            for end in machine.ends:
                self.assertFalse([pair for pair in machine.table if pair[0] == end])
        self.assertEqual(
            set(INVITATION.ends), {"Connected", "Cancelled", "Declined", "Failed", "Forwarded"}
        )
        self.assertEqual(LEG.ends, ("Disconnected",))
        self.assertEqual(MESSAGING_MODALITY.ends, ())

    @given(st.sampled_from(MACHINES), st.data())
    def test_refused(self, machine: object, data: st.DataObject) -> None:
        """What the table does not have is refused with 409 Conflict, in words."""
        assert isinstance(machine, type(LEG))
        state = data.draw(st.sampled_from([*machine.states, "no such state"]))
        event = data.draw(st.sampled_from([*Invited, *Involved, *Messaged, *Attended, *Held]))
        if machine.allows(state, event):  # type: ignore[arg-type]  # of any machine
            self.assertIn(machine.after(state, event), machine.states)  # type: ignore[arg-type]
            return
        with self.assertRaises(IllegalTransition) as raised:
            machine.after(state, event)  # type: ignore[arg-type]
        self.assertEqual((raised.exception.status, raised.exception.subcode), (409, None))
        self.assertIn(state, raised.exception.message)


class RecordTests(SynchronousTestCase):
    """What the machines do to records."""

    def test_invitation(self) -> None:
        """An invitation is answered once."""
        answered = invitation_after(OPEN, Invited.ANSWERED)
        self.assertEqual(answered.state, "Connected")
        self.assertRaises(IllegalTransition, invitation_after, answered, Invited.CANCELLED)

    def test_leg_left(self) -> None:
        """Who leaves stops messaging, if it had any."""
        gone = leg_after(RINGING, Involved.LEFT)
        self.assertEqual((gone.state, gone.messaging), ("Disconnected", "Disconnected"))
        quiet = attrs.evolve(RINGING, messaging="Disconnected")
        self.assertEqual(leg_after(quiet, Involved.LEFT).messaging, "Disconnected")

    def test_messaging(self) -> None:
        """Messaging that stopped can be added again; what is connected cannot be added."""
        connected = messaging_after(RINGING, Messaged.CONNECTED)
        self.assertRaises(IllegalTransition, messaging_after, connected, Messaged.ADDED)
        stopped = messaging_after(connected, Messaged.STOPPED)
        again = messaging_after(stopped, Messaged.ADDED, Messaged.CONNECTED)
        self.assertEqual(again.messaging, "Connected")

    def test_admitted(self) -> None:
        """Who waits comes in with the role that it was to have."""
        self.assertEqual(standing(WAITING), "InLobby")
        for role in ("Attendee", "Leader"):
            waiting = attrs.evolve(WAITING, role=role)
            inside = participant_after(waiting, admission(waiting))
            self.assertEqual((inside.in_lobby, inside.role), (False, role))
        self.assertRaises(IllegalTransition, participant_after, WAITING, Attended.PROMOTED)

    def test_roles(self) -> None:
        """An attendee is promoted and a leader demoted, not the other way round."""
        inside = attrs.evolve(WAITING, in_lobby=False)
        leader = participant_after(inside, Attended.PROMOTED)
        self.assertEqual(leader.role, "Leader")
        self.assertEqual(participant_after(leader, Attended.DEMOTED), inside)
        self.assertRaises(IllegalTransition, participant_after, inside, Attended.DEMOTED)
        self.assertEqual(ATTENDANCE.after(standing(leader), Attended.LEFT), "gone")

    def test_conversation(self) -> None:
        """A conversation ends once."""
        ended = conversation_after(Conversation("c", "t", "", "Normal", 0.0), Held.ENDED)
        self.assertRaises(IllegalTransition, conversation_after, ended, Held.ENDED)

    def test_nowhere_else(self) -> None:
        """No other module of the domain changes a state in place."""
        wrong = [
            f"{path.name}:{call.lineno} {word.arg}"
            for path in sorted(DOMAIN.rglob("*.py"))
            if path.name
            not in ("states.py", "call_states.py", "content_states.py", "push_states.py")
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("evolve")
            for word in call.keywords
            if word.arg in STATE_FIELDS
        ]
        self.assertEqual(wrong, [])


class PageTests(SynchronousTestCase):
    """The page in the documentation."""

    def test_same(self) -> None:
        """docs/state-diagrams.md is what the tables print."""
        self.assertEqual(PAGE.read_text(encoding="utf-8"), page(), COMMAND)

    def test_written(self) -> None:
        """With a file name the page is written there; every transition is in it."""
        file = Path(self.mktemp())
        main([str(file)])
        written = file.read_text(encoding="utf-8")
        self.assertEqual(written, page())
        for machine in MACHINES:
            for (state, event), to in machine.table.items():
                self.assertIn(f"| {state} | {event} | {to} |", written)
