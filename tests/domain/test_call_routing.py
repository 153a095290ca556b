"""Where an incoming call rings."""

from itertools import pairwise
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.call_routing import (
    MAX_DIVERSIONS,
    VOICEMAIL,
    Directory,
    Plan,
    Redirection,
    Ring,
    follow,
    is_number,
    route,
)
from mobility.domain.forwarding import RING_DELAY_S, UNANSWERED_DELAY_S
from mobility.domain.records import CallForwarding
from mobility.domain.working_hours import WorkingHours

NAMES = tuple("abcdefgh")
NUMBER = "tel:+14255550100"
WORK_TIME = 1_795_784_400.0
"""Friday, 2026-11-27 13:00 UTC."""

WEEKEND = WORK_TIME + 86_400


@attrs.define
class People:
    """Users a to h, all with Enterprise Voice, and what they have set."""

    settings: dict[str, CallForwarding] = attrs.Factory(dict)
    delegates: dict[str, list[str]] = attrs.Factory(dict)
    teams: dict[str, list[str]] = attrs.Factory(dict)
    without_voice: set[str] = attrs.Factory(set)
    gone: set[str] = attrs.Factory(set)
    forbidden: set[str] = attrs.Factory(set)
    """Who may neither forward calls nor let others ring."""
    lines: dict[str, str] = attrs.Factory(dict)
    """Numbers that belong to users."""
    dead: set[str] = attrs.Factory(set)
    """Numbers that no gateway leads to."""
    voicemail: bool = False

    def set(self, name: str, **fields: Any) -> None:
        self.settings[name] = CallForwarding(name, **fields)

    def directory(self) -> Directory:
        def place_of(owner: str, contact: str, beside: bool) -> str:
            if not is_number(contact):
                return contact if beside or owner not in self.forbidden else ""
            if contact in self.dead:
                return ""
            return self.lines.get(contact, contact)

        return Directory(
            known=lambda uri: uri not in self.gone,
            voice=lambda uri: uri not in self.gone | self.without_voice,
            may_forward=lambda uri: uri not in self.forbidden,
            may_ring_too=lambda uri: uri not in self.forbidden,
            settings=lambda uri: self.settings.get(uri, CallForwarding(uri, version=0)),
            delegates_of=lambda uri: self.delegates.get(uri, []),
            team_of=lambda uri: self.teams.get(uri, []),
            place_of=place_of,
            voicemail=self.voicemail,
            hours=WorkingHours(),
        )

    def call(self, caller: str, callee: str, now: float = WORK_TIME) -> Plan:
        return route(caller, callee, self.directory(), now)

    def all(self, caller: str, callee: str, now: float = WORK_TIME) -> list[Plan]:
        """The plans one after another, if nobody ever answers; cut off when there are many."""
        plans = [self.call(caller, callee, now)]
        while len(plans) < 50:
            following = follow(caller, plans[-1], self.directory(), now)
            if following is None:
                break
            plans.append(following)
        return plans


def ringing(plan: Plan) -> list[tuple[str, int]]:
    return [(ring.place, ring.after_s) for ring in plan.rings]


class RoutingTests(SynchronousTestCase):
    """The rules one by one."""

    def setUp(self) -> None:
        self.people = People()

    def test_nothing_set(self) -> None:
        """Without settings and voicemail the callee rings, and nothing follows."""
        plan = self.people.call("a", "b")
        self.assertEqual(Plan("b", (Ring("b", "callee"),), None), plan)
        self.assertEqual(30.0, plan.lasts_s(30.0))

    def test_voicemail_by_default(self) -> None:
        """Where there is voicemail, it answers after a while for who has set nothing."""
        self.people.voicemail = True
        first, last = self.people.all("a", "b")
        self.assertEqual(Redirection(20, VOICEMAIL, "b"), first.then)
        self.assertEqual(20.0, first.lasts_s(30.0))
        self.assertEqual((Ring(VOICEMAIL, "voicemail", forwarded_by="b"),), last.rings)
        self.assertIsNone(last.then)

    def test_forward_to_contact(self) -> None:
        """The contact rings in the callee's place, by its own rules."""
        self.people.set(
            "b", active_setting="ImmediateForward", forward_target="Contact", forward_contact="c"
        )
        self.people.set("c", active_setting="SimultaneousRing", ring_target="Team", ring_delay_s=7)
        self.people.teams["c"] = ["a", "b", "d"]
        plan = self.people.call("a", "b")
        self.assertEqual(("c", ("b",)), (plan.callee, plan.passed))
        self.assertEqual(
            (Ring("c", "callee", forwarded_by="b"), Ring("d", "team", 7)),
            plan.rings,
        )

    def test_forward_to_number(self) -> None:
        """A number rings in the callee's place; its voicemail is the last resort."""
        self.people.voicemail = True
        self.people.set(
            "b", active_setting="ImmediateForward", forward_target="Contact", forward_contact=NUMBER
        )
        plan = self.people.call("a", "b")
        self.assertEqual((Ring(NUMBER, "contact", forwarded_by="b"),), plan.rings)
        self.assertEqual(Redirection(20, VOICEMAIL, "b"), plan.then)

    def test_voicemail_of_who_forwards(self) -> None:
        """A contact that has no voicemail of its own leaves the call to that of who forwards."""
        self.people.voicemail = True
        self.people.set(
            "b", active_setting="ImmediateForward", forward_target="Contact", forward_contact="c"
        )
        self.people.without_voice.add("c")
        first, last = self.people.all("a", "b")
        self.assertEqual(Redirection(20, VOICEMAIL, "b"), first.then)
        self.assertEqual(Plan("b", (Ring(VOICEMAIL, "voicemail", forwarded_by="b"),), None), last)

    def test_number_of_a_user(self) -> None:
        """The number of a user here is that user, whose own rules hold."""
        self.people.lines[NUMBER] = "c"
        self.people.set(
            "b", active_setting="ImmediateForward", forward_target="Contact", forward_contact=NUMBER
        )
        self.assertEqual("c", self.people.call("a", "b").callee)

    def test_forward_to_delegates(self) -> None:
        """All delegates ring at once on behalf of the callee, which does not ring."""
        self.people.delegates["b"] = ["c", "d"]
        self.people.set("b", active_setting="ImmediateForward", forward_target="Delegates")
        for one in "cd":
            self.people.set(one, active_setting="ImmediateForward", forward_target="Voicemail")
        self.assertEqual(
            (
                Ring("c", "delegate", 0, "b", on_behalf_of="b"),
                Ring("d", "delegate", 0, "b", on_behalf_of="b"),
            ),
            self.people.call("a", "b").rings,
        )

    def test_delegate_calls(self) -> None:
        """A delegate who calls its delegator rings it."""
        self.people.delegates["b"] = ["c", "d"]
        self.people.set("b", active_setting="ImmediateForward", forward_target="Delegates")
        self.assertEqual([("b", 0)], ringing(self.people.call("c", "b")))

    def test_forward_to_voicemail(self) -> None:
        """Voicemail answers at once, or where there is none any more the callee rings."""
        self.people.set("b", active_setting="ImmediateForward", forward_target="Voicemail")
        self.assertEqual([("b", 0)], ringing(self.people.call("a", "b")))
        self.people.voicemail = True
        self.assertEqual([(VOICEMAIL, 0)], ringing(self.people.call("a", "b")))

    def test_simultaneous(self) -> None:
        """Others ring beside the callee, after the delay."""
        self.people.delegates["b"] = ["c", "a", "d"]
        self.people.set(
            "b", active_setting="SimultaneousRing", ring_target="Delegates", ring_delay_s=10
        )
        plan = self.people.call("a", "b")
        self.assertEqual([("b", 0), ("c", 10), ("d", 10)], ringing(plan))
        self.assertEqual(40.0, plan.lasts_s(30.0))
        self.people.set(
            "b", active_setting="SimultaneousRing", ring_target="Contact", ring_contact=NUMBER
        )
        self.assertEqual([("b", 0), (NUMBER, 0)], ringing(self.people.call("a", "b")))

    def test_too_late_to_ring(self) -> None:
        """Who would ring only when the call has gone on does not ring."""
        self.people.voicemail = True
        self.people.teams["b"] = ["c"]
        self.people.set(
            "b",
            active_setting="SimultaneousRing",
            ring_target="Team",
            ring_delay_s=30,
            unanswered_delay_s=15,
        )
        self.assertEqual([("b", 0)], ringing(self.people.call("a", "b")))

    def test_unanswered(self) -> None:
        """A contact is called next, by its own rules; a number after which voicemail answers."""
        self.people.set(
            "b",
            unanswered="Enabled",
            unanswered_target="Contact",
            unanswered_contact="c",
            unanswered_delay_s=5,
        )
        self.people.set(
            "c", unanswered="Enabled", unanswered_target="Contact", unanswered_contact=NUMBER
        )
        self.people.voicemail = True
        plans = self.people.all("a", "b")
        self.assertEqual(
            [[("b", 0)], [("c", 0)], [(NUMBER, 0)], [(VOICEMAIL, 0)]],
            [ringing(plan) for plan in plans],
        )
        self.assertEqual(["", "b", "c", "c"], [plan.rings[0].forwarded_by for plan in plans])

    def test_unanswered_disabled(self) -> None:
        """Who wants it so is rung to the end."""
        self.people.voicemail = True
        self.people.set("b", unanswered="Disabled")
        self.assertIsNone(self.people.call("a", "b").then)

    def test_working_hours(self) -> None:
        """Rules for working hours do not hold at the weekend; the default ones do."""
        self.people.voicemail = True
        self.people.set(
            "b",
            active_period="Workhours",
            active_setting="ImmediateForward",
            forward_target="Contact",
            forward_contact="c",
            unanswered="Disabled",
        )
        self.assertEqual("c", self.people.call("a", "b").callee)
        plan = self.people.call("a", "b", WEEKEND)
        self.assertEqual([("b", 0)], ringing(plan))
        self.assertEqual(Redirection(20, VOICEMAIL, "b"), plan.then)

    def test_circle(self) -> None:
        """Of users who forward to one another the last one rings."""
        for name, to in (("b", "c"), ("c", "d"), ("d", "b")):
            self.people.set(
                name,
                active_setting="ImmediateForward",
                forward_target="Contact",
                forward_contact=to,
            )
        plan = self.people.call("a", "b")
        self.assertEqual([("d", 0)], ringing(plan))
        self.assertEqual(("b", "c"), plan.passed)

    def test_back_to_the_caller(self) -> None:
        """Who forwards to the caller rings itself."""
        self.people.set(
            "b", active_setting="ImmediateForward", forward_target="Contact", forward_contact="a"
        )
        self.assertEqual([("b", 0)], ringing(self.people.call("a", "b")))

    def test_chain(self) -> None:
        """A call is sent on so often and no more."""
        names = [f"u{number}" for number in range(MAX_DIVERSIONS + 3)]
        for name, to in pairwise(names):
            self.people.set(
                name,
                active_setting="ImmediateForward",
                forward_target="Contact",
                forward_contact=to,
            )
        self.assertEqual(names[MAX_DIVERSIONS], self.people.call("a", names[0]).callee)

    def test_without_voice(self) -> None:
        """Who has no Enterprise Voice (any more) just rings, whatever it had set."""
        self.people.voicemail = True
        self.people.set(
            "b", active_setting="ImmediateForward", forward_target="Contact", forward_contact="c"
        )
        self.people.without_voice.add("b")
        self.assertEqual(Plan("b", (Ring("b", "callee"),), None), self.people.call("a", "b"))

    def test_leads_nowhere(self) -> None:
        """A setting that leads nowhere any more is as if it were off."""
        for contact in ("gone", "tel:+4999"):
            self.people.gone, self.people.dead = {"gone"}, {"tel:+4999"}
            self.people.set(
                "b",
                active_setting="ImmediateForward",
                forward_target="Contact",
                forward_contact=contact,
                unanswered="Enabled",
                unanswered_target="Contact",
                unanswered_contact=contact,
            )
            self.assertEqual(Plan("b", (Ring("b", "callee"),), None), self.people.call("a", "b"))
        for target in ("Delegates", "None"):
            self.people.set("b", active_setting="ImmediateForward", forward_target=target)
            self.assertEqual([("b", 0)], ringing(self.people.call("a", "b")))

    def test_policy(self) -> None:
        """What the voice policy forbids now does not happen, though it was set before."""
        self.people.forbidden.add("b")
        self.people.delegates["b"] = ["c"]
        for fields in (
            {"active_setting": "ImmediateForward", "forward_target": "Delegates"},
            {"active_setting": "SimultaneousRing", "ring_target": "Delegates"},
            {
                "active_setting": "ImmediateForward",
                "forward_target": "Contact",
                "forward_contact": "c",
            },
        ):
            self.people.set("b", **fields)
            self.assertEqual([("b", 0)], ringing(self.people.call("a", "b")))


CONTACTS = st.sampled_from([*NAMES, NUMBER, "tel:+4930", ""])


@st.composite
def settings(draw: st.DrawFn, name: str) -> CallForwarding:
    """Whatever a user may have set."""
    return CallForwarding(
        name,
        active_setting=draw(st.sampled_from(["None", "ImmediateForward", "SimultaneousRing"])),
        active_period=draw(st.sampled_from(["Always", "Workhours"])),
        forward_target=draw(st.sampled_from(["None", "Contact", "Delegates", "Voicemail"])),
        forward_contact=draw(CONTACTS),
        ring_target=draw(st.sampled_from(["None", "Contact", "Delegates", "Team"])),
        ring_contact=draw(CONTACTS),
        ring_delay_s=draw(st.integers(*RING_DELAY_S)),
        unanswered=draw(st.sampled_from(["", "Enabled", "Disabled"])),
        unanswered_target=draw(st.sampled_from(["None", "Contact", "Voicemail"])),
        unanswered_contact=draw(CONTACTS),
        unanswered_delay_s=draw(st.integers(*UNANSWERED_DELAY_S)),
    )


@st.composite
def people(draw: st.DrawFn) -> People:
    """Anybody forwarding to anybody."""
    some = st.sets(st.sampled_from(NAMES))
    made = People(
        without_voice=draw(some),
        gone=draw(some),
        forbidden=draw(some),
        lines=draw(st.dictionaries(st.just(NUMBER), st.sampled_from(NAMES))),
        dead=draw(st.sets(st.just("tel:+4930"))),
        voicemail=draw(st.booleans()),
    )
    for name in NAMES:
        made.settings[name] = draw(settings(name))
        made.delegates[name] = sorted(draw(some) - {name})
        made.teams[name] = sorted(draw(some) - {name})
    return made


class InvariantTests(SynchronousTestCase):
    """What holds whatever everybody has set."""

    CALLS = {
        "made": people(),
        "caller": st.sampled_from([*NAMES, "", "tel:+15551234567"]),
        "callee": st.sampled_from(NAMES),
        "now": st.sampled_from([WORK_TIME, WEEKEND]),
    }

    @given(**CALLS)
    def test_ends(self, made: People, caller: str, callee: str, now: float) -> None:
        """A call nobody answers comes to an end, and passes through nobody twice."""
        plans = made.all(caller, callee, now)
        self.assertLessEqual(len(plans), MAX_DIVERSIONS + 4)
        for plan in plans:
            path = [*plan.passed, plan.callee]
            self.assertEqual(len(path), len(set(path)))
            self.assertLessEqual(len(plan.passed), MAX_DIVERSIONS)
        self.assertIsNone(plans[-1].then)

    @given(**CALLS)
    def test_rings(self, made: People, caller: str, callee: str, now: float) -> None:
        """Somebody rings at once, nobody twice, in order of time and before it goes on."""
        for plan in made.all(caller, callee, now):
            places = [ring.place for ring in plan.rings]
            self.assertEqual(len(places), len(set(places)))
            delays = [ring.after_s for ring in plan.rings]
            self.assertEqual(delays, sorted(delays))
            self.assertEqual(0, delays[0])
            if plan.then is not None:
                self.assertLess(delays[-1], plan.then.after_s)
                self.assertTrue(UNANSWERED_DELAY_S[0] <= plan.then.after_s <= UNANSWERED_DELAY_S[1])

    @given(**CALLS)
    def test_who(self, made: People, caller: str, callee: str, now: float) -> None:
        """The caller never rings unless it calls itself, nor who has passed the call on, nor who
        is gone; a number no gateway leads to never does."""
        for plan in made.all(caller, callee, now):
            for ring in plan.rings:
                if ring.place != callee:
                    self.assertNotEqual(ring.place, caller)
                    self.assertNotIn(ring.place, made.gone | made.dead)
                self.assertNotIn(ring.place, plan.passed)
                self.assertIn(ring.forwarded_by, ("", plan.callee, *plan.passed))
                self.assertIn(ring.on_behalf_of, ("", plan.callee))

    @given(**CALLS)
    def test_without_voice_changes_nothing(
        self, made: People, caller: str, callee: str, now: float
    ) -> None:
        """What a callee without Enterprise Voice has set makes no difference."""
        made.without_voice.add(callee)
        plan = made.call(caller, callee, now)
        self.assertEqual(Plan(callee, (Ring(callee, "callee"),), None), plan)

    @given(**CALLS)
    def test_after_hours(self, made: People, caller: str, callee: str, now: float) -> None:
        """Outside working hours a callee who set rules for these is called as if it had set
        nothing."""
        made.settings[callee] = attrs.evolve(made.settings[callee], active_period="Workhours")
        plan = made.call(caller, callee, WEEKEND)
        made.settings.pop(callee)
        self.assertEqual(made.call(caller, callee, WEEKEND), plan)
        self.assertEqual(made.call(caller, callee, now), plan)
