"""Voice routing: its settings, and where numbers lead."""

from collections.abc import Awaitable
from typing import Any, TypeVar, cast

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.records import User, VoiceGrant, VoiceSetting
from mobility.domain.setting_book import Stored
from mobility.domain.users import Users
from mobility.domain.voice import Voice
from mobility.domain.voice_objects import KINDS, MAX_DIALLED, made
from mobility.domain.voice_routing import Itinerary
from mobility.errors import Answerable, PeerFault, Refusal, Unavailable
from tests.domain.doubles import START, MemoryLedger, done, running, uri

T = TypeVar("T")

ALICE = User(
    uri("alice"), "Alice", work_phone="+14255550101", enterprise_voice=True, site="Redmond"
)
BOB = User(uri("bob"), "Bob", work_phone="+14255550102", enterprise_voice=True)
CAROL = User(uri("carol"), "Carol", work_phone="+14255550103")


class VoiceTestCase(SynchronousTestCase):
    """A test with Alice in Redmond, Bob nowhere, and Carol without Enterprise Voice."""

    def setUp(self) -> None:
        self.ledger = MemoryLedger()
        self.users = Users(self.ledger, [ALICE, BOB, CAROL])
        self.voice = Voice(self.ledger, self.users, "pool.example.test")

    def get(self, awaitable: Awaitable[T]) -> T:
        return done(running(awaitable))

    def add(self, kind: str, name: str, **values: object) -> Any:
        return self.get(self.voice.add(kind, name, values)).thing

    def change(self, kind: str, name: str, **values: object) -> Stored:
        version = self.voice.find(kind, name).version
        return self.get(self.voice.change(kind, name, values, version))

    def grant(self, user: User, **values: object) -> VoiceGrant:
        version = self.voice.grant_of(user.uri).version
        return self.get(self.voice.grant(user.uri, values, version))

    def refused(self, awaitable: Awaitable[object]) -> Answerable:
        with self.assertRaises(Answerable) as caught:
            self.get(awaitable)
        return caught.exception

    def wrong(self, awaitable: Awaitable[object]) -> dict[str, str]:
        """The parameters of a 400, with the reasons."""
        fault = self.refused(awaitable)
        self.assertIsInstance(fault, PeerFault)
        return {one.name: one.reason for one in fault.parameters}

    def reopened(self) -> Voice:
        """What the next process has."""
        stored = self.ledger.snapshot()
        voice = Voice(self.ledger, self.users, "pool.example.test")
        voice.load(stored.voice_settings, stored.voice_grants)
        return voice

    def two_gateways(self) -> None:
        """Local numbers by two gateways, the rest by the second one."""
        for usage in ("Local", "Long Distance"):
            self.add("usages", usage)
        for gateway in ("gw1.test", "gw2.test"):
            self.add("gateways", gateway)
        self.add(
            "routes",
            "Redmond",
            number_pattern=r"^\+1425",
            usages=["Local"],
            gateways=["gw1.test", "gw2.test"],
        )
        self.add(
            "routes",
            "World",
            number_pattern=r"^\+",
            priority=9,
            usages=["Long Distance"],
            gateways=["gw2.test"],
        )
        self.change("policies", "global", usages=["Local", "Long Distance"])

    def ways(self, itinerary: Itinerary) -> list[tuple[str, str]]:
        return [(one.route, one.gateway.name) for one in itinerary.attempts]


class SettingsTests(VoiceTestCase):
    """Objects are added, changed and removed."""

    def test_kept(self) -> None:
        """Every kind of object, and what is granted, is there again after a restart."""
        self.two_gateways()
        self.add("emergency-numbers", "110", masks=["112"], usage="Local")
        self.add("policies", "Sales", usages=["Local"])
        rule = {"name": "Inside", "pattern": r"^(\d{4})$", "translation": "+1425555$1"}
        self.add("dial-plans", "site:Redmond", rules=[rule])
        self.grant(ALICE, voice_policy="sales")
        after = self.reopened()
        for kind in KINDS:
            self.assertEqual(self.voice.all(kind), after.all(kind))
        self.assertEqual(self.voice.grant_of(ALICE.uri), after.grant_of(ALICE.uri))
        self.assertEqual("tag:Sales", after.policy_of(ALICE).name)

    def test_names(self) -> None:
        """A name is known in any case, and taken in any case."""
        self.add("usages", "Local")
        self.assertEqual("Local", cast(Any, self.voice.find("usages", "LOCAL").thing).name)
        taken = self.refused(self.voice.add("usages", "local", {}))
        self.assertEqual((409, "AlreadyExists"), (taken.status, taken.subcode))

    def test_global(self) -> None:
        """The global policy and dial plan always are; to remove one brings its defaults back."""
        for kind in ("policies", "dial-plans"):
            self.assertEqual(0, self.voice.find(kind, "global").version)
            self.assertEqual(409, self.refused(self.voice.add(kind, "Global", {})).status)
        self.change("policies", "global", allow_call_forwarding=False)
        self.assertFalse(self.voice.policy_of(BOB).allow_call_forwarding)
        self.get(self.voice.remove("policies", "global", 1))
        self.assertTrue(self.voice.policy_of(BOB).allow_call_forwarding)
        self.assertEqual(0, self.reopened().find("policies", "global").version)

    def test_two_administrators(self) -> None:
        """Who changes, removes or grants from an older version is told, and nothing is changed."""
        self.add("routes", "R")
        self.get(self.voice.change("routes", "R", {"priority": 3}, 1))
        for late in (
            self.voice.change("routes", "R", {"priority": 4}, 1),
            self.voice.remove("routes", "R", 1),
        ):
            refusal = self.refused(late)
            self.assertEqual(409, refusal.status)
            self.assertIn("at version 2, not 1", refusal.message)
        self.assertEqual(3, cast(Any, self.voice.find("routes", "R").thing).priority)
        self.add("policies", "A")
        self.get(self.voice.grant(ALICE.uri, {"voice_policy": "A"}, 0))
        self.assertEqual(409, self.refused(self.voice.grant(ALICE.uri, {}, 0)).status)

    def test_another_front_end(self) -> None:
        """A version that the store does not have is refused as well."""
        self.add("routes", "R")
        other = self.reopened()
        self.get(other.change("routes", "R", {"priority": 3}, 1))
        self.assertEqual(409, self.refused(self.voice.change("routes", "R", {}, 1)).status)

    def test_full_disk(self) -> None:
        """What the store cannot take is not in force either."""
        self.add("routes", "R")
        self.ledger.failing = True
        with self.assertRaises(Unavailable):
            self.change("routes", "R", priority=3)
        self.assertEqual(0, cast(Any, self.voice.find("routes", "R").thing).priority)

    def test_in_use(self) -> None:
        """What others refer to stays, and they are named."""
        self.two_gateways()
        refusal = self.refused(self.voice.remove("usages", "Local", 1))
        self.assertIn("voice policy global, voice route Redmond", refusal.message)
        self.assertEqual(409, self.refused(self.voice.remove("gateways", "gw1.test", 1)).status)

    def test_nearest(self) -> None:
        """A wrong reference, field, choice or name is told with the nearest right one."""
        self.two_gateways()
        add = self.voice.add
        self.assertEqual(
            {"usages": "is 'Locl', which is no PSTN usage; is Local meant?"},
            self.wrong(add("routes", "R", {"usages": ["Locl"]})),
        )
        self.assertIn(
            "is number_pattern meant?",
            self.wrong(add("routes", "R", {"numberpatern": "1"}))["numberpatern"],
        )
        self.assertIn(
            "is 'InternalOnl', must be VoicePolicyUsage or InternalOnly or CustomUsage; "
            "is InternalOnly meant?",
            self.wrong(
                add("policies", "P", {"call_forwarding_simul_ring_usage_type": "InternalOnl"})
            ).values(),
        )
        with self.assertRaises(Refusal) as caught:
            self.voice.find("gateways", "gw3.test")
        self.assertIn("is gw2.test meant?", caught.exception.message)

    def test_emergency_numbers(self) -> None:
        """An emergency number and its masks have 2 to 15 digits, which E.164 has at most."""
        for number in ("11", "1" * 15):
            self.add("emergency-numbers", number, masks=[number.replace("1", "2")])
        for number in ("1", "1" * 16, "1-1", "\u0661\u0661", "+11"):
            wrong = self.wrong(self.voice.add("emergency-numbers", number, {}))
            self.assertIn("must be digits, from 2 to 15", wrong["name"])
            wrong = self.wrong(self.voice.add("emergency-numbers", "112", {"masks": [number]}))
            self.assertIn("must be digits, from 2 to 15", wrong["masks"])

    def test_all_wrong_at_once(self) -> None:
        """Every wrong value is named with its rule."""
        wrong = self.wrong(
            self.voice.add(
                "routes",
                "a,b",
                {
                    "number_pattern": "(",
                    "priority": True,
                    "usages": ["x", "X"],
                    "gateways": "gw1",
                    "suppress_caller_id": "yes",
                    "alternate_caller_id": "0123",
                },
            )
        )
        self.assertEqual(7, len(wrong))
        self.assertIn("is '(', is no pattern", wrong["number_pattern"])

    def test_rules(self) -> None:
        """A wrong rule of a dial plan is named."""
        good = {"name": "A", "pattern": r"^(\d)$", "translation": "+$1"}
        for rules, why in (
            ([{**good, "pattern": "("}], "rule 'A' whose pattern is no pattern"),
            ([{**good, "translation": "$2"}], "rule 'A' whose translation refers to group 2"),
            ([{**good, "patern": "1"}], "is pattern meant?"),
            ([good, {**good, "name": "a"}], "two rules named 'a'"),
            ([{"pattern": "1"}], "name is missing"),
            (["x"], "no object"),
            ("x", "must be a list"),
        ):
            with self.subTest(why=why):
                wrong = self.wrong(self.voice.add("dial-plans", "P", {"rules": rules}))
                self.assertIn(why, wrong["rules"])

    def test_caller_id(self) -> None:
        """A route that suppresses the caller's number needs another one."""
        wrong = self.wrong(self.voice.add("routes", "R", {"suppress_caller_id": True}))
        self.assertEqual(["alternate_caller_id"], list(wrong))

    def test_grant(self) -> None:
        """Only what is there, and is for users, is granted; to strangers nothing."""
        self.add("policies", "Sales")
        self.add("policies", "site:Redmond")
        for value in ("Sale", "site:Redmond", "global", 7):
            self.assertIn(
                "voice_policy", self.wrong(self.voice.grant(ALICE.uri, {"voice_policy": value}, 0))
            )
        self.assertIn(
            "is dial_plan meant?",
            self.wrong(self.voice.grant(ALICE.uri, {"dial_plans": ""}, 0))["dial_plans"],
        )
        self.assertEqual(404, self.refused(self.voice.grant(uri("x"), {}, 0)).status)

    def test_removed_user(self) -> None:
        """What was granted goes with the user."""
        self.users.removals.append(self.voice.forget)
        self.add("policies", "Sales")
        self.grant(ALICE, voice_policy="Sales")
        self.get(self.users.remove(ALICE.uri, START))
        self.assertEqual([], list(self.ledger.all(VoiceGrant)))
        self.assertEqual(0, self.voice.grant_of(ALICE.uri).version)

    @given(
        st.sampled_from(sorted(KINDS)),
        st.dictionaries(
            st.sampled_from(
                sorted({f.name for kind in KINDS.values() for f in attrs.fields(cast(Any, kind))})
            ),
            st.none()
            | st.booleans()
            | st.integers()
            | st.text()
            | st.lists(st.text() | st.dictionaries(st.text(), st.text())),
        ),
    )
    def test_hostile_values(self, kind: str, values: dict[str, object]) -> None:
        """Whatever values come, they make an object or are refused by name."""
        try:
            made(kind, values.pop("name", "n"), values)
        except PeerFault as fault:
            self.assertTrue(fault.parameters)


class ScopeTests(VoiceTestCase):
    """Which object rules a user."""

    def test_precedence(self) -> None:
        """The user's own, else the site's, else the global one; each as a whole."""
        self.change("policies", "global", enable_team_call=False)
        self.assertEqual("global", self.voice.policy_of(ALICE).name)
        self.add("policies", "site:redmond")
        self.assertEqual("site:redmond", self.voice.policy_of(ALICE).name)
        self.assertTrue(self.voice.policy_of(ALICE).enable_team_call)
        self.assertEqual("global", self.voice.policy_of(BOB).name)
        self.add("policies", "Own")
        self.grant(ALICE, voice_policy="Own")
        self.assertEqual("tag:Own", self.voice.policy_of(ALICE).name)
        self.get(self.voice.remove("policies", "own", 1))
        self.assertEqual("site:redmond", self.voice.policy_of(ALICE).name)
        self.assertEqual("site:redmond", self.reopened().policy_of(ALICE).name)

    def test_service(self) -> None:
        """A dial plan for the pool comes before that of the site and after the user's own."""
        self.add("dial-plans", "site:Redmond")
        self.assertEqual("site:Redmond", self.voice.dial_plan_of(ALICE).name)
        self.add("dial-plans", "service:pool.example.test")
        self.assertEqual("service:pool.example.test", self.voice.dial_plan_of(ALICE).name)
        self.add("dial-plans", "Own")
        self.grant(ALICE, dial_plan="Own")
        self.assertEqual("tag:Own", self.voice.dial_plan_of(ALICE).name)
        self.grant(ALICE, dial_plan="")
        self.assertEqual("service:pool.example.test", self.voice.dial_plan_of(ALICE).name)


class RoutingTests(VoiceTestCase):
    """Where numbers lead."""

    def setUp(self) -> None:
        super().setUp()
        self.two_gateways()

    def test_normalised(self) -> None:
        """The first rule that matches is used; a number with a plus needs none; ext= stays."""
        self.change(
            "dial-plans",
            "global",
            rules=[
                {"name": "Inside", "pattern": r"^(\d{4})$", "translation": "+1425555$1"},
                {"name": "Any four", "pattern": r"^\d{4}$", "translation": "+1"},
                {"name": "Outside", "pattern": r"^9(\d{7})$", "translation": "+1425$1"},
            ],
        )
        for dialled, number, rule in (
            ("0199", "+14255550199", "Inside"),
            ("9 555-0199;ext=7", "+14255550199;ext=7", "Outside"),
            ("tel:+49 (30) 1234;phone-context=x", "+49301234", ""),
            ("12345", "", ""),
            ("+1x", "", ""),
            ("+" + "1" * 16, "", ""),
            ("", "", ""),
            ("9" * (MAX_DIALLED + 1), "", ""),
        ):
            with self.subTest(dialled=dialled):
                found = self.voice.route(ALICE, dialled)
                self.assertEqual(
                    (number, rule), (found.number, found.normalised and found.normalised.rule)
                )
                self.assertEqual("" if number else "NormalizationFailed", found.failure)
        with self.assertRaises(Refusal) as caught:
            self.voice.normalised(ALICE, "12345")
        self.assertEqual(
            (400, "NormalizationFailed"), (caught.exception.status, caught.exception.subcode)
        )

    def test_colleague(self) -> None:
        """A number of a user with Enterprise Voice leads to that user, without a gateway."""
        found = self.voice.route(ALICE, "+1 425 555-0102")
        self.assertEqual((BOB.uri, ()), (found.user_uri, found.attempts))
        self.assertEqual("", self.voice.route(ALICE, CAROL.work_phone).user_uri)
        self.get(self.users.update(BOB.uri, lambda bob: attrs.evolve(bob, work_phone=""), START))
        self.assertEqual("", self.voice.route(ALICE, BOB.work_phone).user_uri)

    def test_usages_in_order(self) -> None:
        """The first usage with a match wins, the later ones are its backup; no gateway twice."""
        found = self.voice.route(ALICE, "+14255550199")
        self.assertEqual([("Redmond", "gw1.test"), ("Redmond", "gw2.test")], self.ways(found))
        found = self.voice.route(ALICE, "+4930123")
        self.assertEqual([("World", "gw2.test")], self.ways(found))
        self.change("policies", "global", usages=["Long Distance", "Local"])
        found = self.voice.route(ALICE, "+14255550199")
        self.assertEqual([("World", "gw2.test"), ("Redmond", "gw1.test")], self.ways(found))

    def test_priority(self) -> None:
        """Within a usage the lowest priority is first, then the name."""
        for name, priority in (("B", 1), ("A", 1), ("C", 0)):
            self.add("gateways", f"{name}.test")
            self.add(
                "routes",
                name,
                number_pattern="^",
                priority=priority,
                usages=["Local"],
                gateways=[f"{name}.test".lower()],
            )
        found = self.voice.route(ALICE, "+4930123")
        self.assertEqual(["C", "A", "B", "World"], [one.route for one in found.attempts])

    def test_caller_id(self) -> None:
        """The caller's number is shown, unless the route shows another."""
        self.change("routes", "World", suppress_caller_id=True, alternate_caller_id="+14255550100")
        self.assertEqual(
            ALICE.work_phone, self.voice.route(ALICE, "+14255550199").attempts[0].caller_id
        )
        self.assertEqual("+14255550100", self.voice.route(ALICE, "+4930123").attempts[0].caller_id)

    def test_nowhere(self) -> None:
        """Each reason has a name."""
        self.assertEqual("EnterpriseVoiceDisabled", self.voice.route(CAROL, "+4930123").failure)
        self.assertEqual("NoRoute", self.voice.route(ALICE, "4930123").failure)
        self.change("gateways", "gw2.test", enabled=False)
        self.assertEqual("NoGateway", self.voice.route(ALICE, "+4930123").failure)
        self.change("policies", "global", usages=[])
        self.assertEqual("NoUsages", self.voice.route(ALICE, "+4930123").failure)
        self.assertFalse(self.voice.can_call_out(ALICE))

    def test_joining(self) -> None:
        """A meeting calls the telephone of a user with a voice policy, Enterprise Voice or not."""
        joining = self.voice.joining
        self.assertFalse(CAROL.enterprise_voice)
        self.assertTrue(self.voice.can_join_by_phone(CAROL))
        self.assertEqual([("World", "gw2.test")], self.ways(joining(CAROL, "+4930123")))
        self.assertEqual(BOB.uri, joining(CAROL, BOB.work_phone).user_uri)
        for number in ("112", "+911"):
            self.assertEqual("EmergencyNumber", joining(ALICE, number).failure)
        self.assertEqual("NormalizationFailed", joining(ALICE, "x").failure)
        self.assertEqual("NoRoute", joining(ALICE, "4930123").failure)
        self.change("policies", "global", usages=[])
        self.assertEqual("NoUsages", joining(CAROL, "+4930123").failure)
        self.assertFalse(self.voice.can_join_by_phone(CAROL))

    def test_forwarding(self) -> None:
        """What is forwarded goes by the callee's policy, and by the usages that it names for it."""
        forwarded = self.voice.forwarding
        self.assertEqual([("World", "gw2.test")], self.ways(forwarded(ALICE, "+4930123")))
        self.change("policies", "global", call_forwarding_simul_ring_usage_type="InternalOnly")
        self.assertEqual("NoUsages", forwarded(ALICE, "+4930123").failure)
        self.assertEqual(BOB.uri, forwarded(ALICE, BOB.work_phone).user_uri)
        self.change(
            "policies",
            "global",
            call_forwarding_simul_ring_usage_type="CustomUsage",
            custom_call_forwarding_simul_ring_usages=["Local"],
        )
        self.assertEqual("NoRoute", forwarded(ALICE, "+4930123").failure)
        self.assertEqual("", forwarded(ALICE, "+14255550199").failure)
        self.change("policies", "global", allow_simul_ring=False)
        self.assertEqual("", forwarded(ALICE, BOB.work_phone).failure)
        refused = forwarded(ALICE, BOB.work_phone, simultaneous=True)
        self.assertEqual(("ForwardingForbidden", ""), (refused.failure, refused.user_uri))
        self.assertEqual("EnterpriseVoiceDisabled", forwarded(CAROL, BOB.work_phone).failure)
        self.assertEqual("EmergencyNumber", forwarded(ALICE, "112").failure)


class EmergencyTests(VoiceTestCase):
    """Emergency calls get through."""

    def test_always(self) -> None:
        """Nobody lacks the right to one: no Enterprise Voice, no usage, no route is no obstacle."""
        self.assertEqual("NoGateway", self.voice.route(CAROL, "112").failure)
        self.add("gateways", "gw.test")
        for dialled in ("112", "911", "+112", "1-1-2"):
            found = self.voice.route(CAROL, dialled)
            self.assertEqual([("", "gw.test")], self.ways(found), dialled)
            self.assertTrue(found.emergency)

    def test_order(self) -> None:
        """The number's own usage, then the caller's, then any route, then any gateway."""
        for usage in ("Emergency", "Local", "Other"):
            self.add("usages", usage)
            self.add("gateways", f"{usage}.test")
            self.add(
                "routes",
                usage,
                number_pattern=r"^\+?110$",
                usages=[usage],
                gateways=[f"{usage.lower()}.test"],
            )
        self.add("gateways", "last.test")
        self.add("emergency-numbers", "110", masks=["112", "0110"], usage="Emergency")
        self.change("policies", "global", usages=["Local"])
        for dialled in ("110", "112", "0110"):
            found = self.voice.route(CAROL, dialled)
            self.assertEqual("110", found.number)
            self.assertEqual(
                ["Emergency", "Local", "Other", ""], [one.route for one in found.attempts]
            )
        self.assertEqual("", self.voice.route(CAROL, "911").emergency)

    def test_by_a_rule(self) -> None:
        """What a dial plan makes an emergency number of is one."""
        self.add("gateways", "gw.test")
        rule = {"name": "Out", "pattern": r"^9(\d+)$", "translation": "$1"}
        self.change("dial-plans", "global", rules=[rule])
        self.assertEqual("911", self.voice.route(ALICE, "9911").emergency)


PREFIXES = ("+1", "+1425", "+49", "+", "")
USAGES = ("U0", "U1", "U2", "U3")
GATEWAYS = ("g0.test", "g1.test", "g2.test", "g3.test")

some_routes = st.lists(
    st.tuples(
        st.sampled_from(PREFIXES),
        st.integers(0, 2),
        st.lists(st.sampled_from(USAGES), unique=True),
        st.lists(st.sampled_from(GATEWAYS), unique=True),
    ),
    max_size=8,
)


class ModelTests(VoiceTestCase):
    """The algorithm against a plain model of it."""

    @settings(max_examples=60)
    @given(
        some_routes,
        st.lists(st.sampled_from(USAGES), unique=True),
        st.sets(st.sampled_from(GATEWAYS)),
        st.sampled_from(["+14255550199", "+12065550199", "+4930123", "5550199"]),
    )
    def test_model(
        self,
        routes: list[tuple[str, int, list[str], list[str]]],
        policy: list[str],
        disabled: set[str],
        number: str,
    ) -> None:
        """The gateways tried, in order, are those of the model, after a restart too."""
        self.setUp()
        for usage in USAGES:
            self.add("usages", usage)
        for gateway in GATEWAYS:
            self.add("gateways", gateway, enabled=gateway not in disabled)
        for place, (prefix, priority, usages, gateways) in enumerate(routes):
            pattern = "^" + prefix.replace("+", r"\+")
            self.add(
                "routes",
                f"R{place}",
                number_pattern=pattern,
                priority=priority,
                usages=usages,
                gateways=gateways,
            )
        self.change("policies", "global", usages=policy)

        expected: list[tuple[str, str]] = []
        tried = set(disabled)
        for usage in policy:
            for priority in range(3):
                for place, route in enumerate(routes):
                    if number.startswith(route[0]) and route[1] == priority and usage in route[2]:
                        for gateway in route[3]:
                            if gateway not in tried:
                                tried.add(gateway)
                                expected.append((f"R{place}", gateway))
        for voice in (self.voice, self.reopened()):
            found = voice.route(ALICE, number)
            self.assertEqual(expected, self.ways(found))
            self.assertEqual(not expected, bool(found.failure))


class LineTests(SynchronousTestCase):
    """Reverse number lookup follows every change of users."""

    @given(
        st.lists(
            st.tuples(
                st.sampled_from("abc"),
                st.sampled_from(["+123", "+34567", ""]),
                st.booleans(),
                st.booleans(),
                st.booleans(),
            ),
            max_size=20,
        )
    )
    def test_model(self, changes: list[tuple[str, str, bool, bool, bool]]) -> None:
        """The holder is the first enabled user with Enterprise Voice who has the number."""
        ledger = MemoryLedger()
        users = Users(ledger)
        for name, number, voice, enabled, gone in changes:
            user = User(uri(name), name, work_phone=number, enterprise_voice=voice, enabled=enabled)
            if users.find(user.uri) is None:
                done(running(users.add(user)))
            elif gone:
                done(running(users.remove(user.uri, START)))
            else:
                done(running(users.update(user.uri, lambda _, user=user: user, START)))
            for look in (users, Users(ledger, ledger.snapshot().users)):
                for asked in ("+123", "+34567"):
                    holders = [
                        one
                        for one in users.all()
                        if one.enabled and one.enterprise_voice and one.work_phone == asked
                    ]
                    self.assertEqual(holders[0] if holders else None, look.of_line(asked))


class StoredTests(VoiceTestCase):
    """What is in the store."""

    def test_documents(self) -> None:
        """One row for each object, keyed by its name in lower case, without the defaults' row."""
        self.two_gateways()
        self.assertEqual(
            {
                ("usages", "local"),
                ("usages", "long distance"),
                ("gateways", "gw1.test"),
                ("gateways", "gw2.test"),
                ("routes", "redmond"),
                ("routes", "world"),
                ("policies", "global"),
            },
            set(self.ledger.all(VoiceSetting)),
        )
