"""Mobility policies: their values, changes and grants, and which of them rules whom."""

from collections.abc import Awaitable
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.mobility_policy import (
    GROUP_KIND,
    KIND,
    MOBILITY,
    MobilityPolicies,
    MobilityPolicy,
)
from mobility.domain.records import MobilityGrant, User
from mobility.domain.setting_rules import shown
from mobility.domain.users import Users
from mobility.errors import Answerable, PeerFault, Refusal
from tests.domain.doubles import START, MemoryLedger, done, running, uri

T = TypeVar("T")

ALICE = User(uri("alice"), "Alice", site="Redmond")
BOB = User(uri("bob"), "Bob")

DOCUMENTED = {
    "EnableMobility": True,
    "EnableOutsideVoice": True,
    "EnableIPAudioVideo": True,
    "RequireWiFiForIPAudio": False,
    "RequireWiFiForIPVideo": False,
    "RequireWiFiForSharing": False,
    "AllowSaveCallLogs": True,
    "AllowExchangeConnectivity": True,
    "AllowSaveIMHistory": True,
    "AllowSaveCredentials": True,
    "AllowCustomerExperienceImprovementProgram": True,
    "AllowDeviceContactsSync": True,
    "EnablePushNotifications": True,
    "EncryptAppData": True,
    "VoiceSettings": "",
    "RequireIntune": False,
    "AllowAutomaticPstnFallback": False,
    "Description": "",
}
"""The parameters of CsMobilityPolicy and their defaults, typed from the cmdlets' pages."""


class PolicyTests(SynchronousTestCase):
    """Policies and grants, with Alice in Redmond and Bob nowhere."""

    def setUp(self) -> None:
        self.ledger = MemoryLedger()
        self.users = Users(self.ledger, [ALICE, BOB])
        self.policies = MobilityPolicies(self.ledger, self.users)

    def get(self, awaitable: Awaitable[T]) -> T:
        return done(running(awaitable))

    def add(self, name: str, **values: object) -> MobilityPolicy:
        thing: MobilityPolicy = self.get(self.policies.add(KIND, name, values)).thing
        return thing

    def grant(self, user: User, name: str) -> MobilityGrant:
        version = self.policies.grant_of(user.uri).version
        return self.get(self.policies.grant(user.uri, {"mobility_policy": name}, version))

    def refused(self, awaitable: Awaitable[object]) -> Answerable:
        with self.assertRaises(Answerable) as caught:
            self.get(awaitable)
        return caught.exception

    def wrong(self, name: str = "x", **values: object) -> dict[str, str]:
        fault = self.refused(self.policies.add(KIND, name, values))
        self.assertIsInstance(fault, PeerFault)
        return {one.name: one.reason for one in fault.parameters}

    def test_defaults(self) -> None:
        """The global policy is as documented until somebody changes it."""
        found = self.policies.find(KIND, "GLOBAL")
        self.assertEqual((0, {"name": "global", **DOCUMENTED}), (found.version, shown(found.thing)))

    def test_names_in_any_case(self) -> None:
        """Parameters are known in any case and spelling of their words."""
        policy = self.add(
            "x", ENABLEMOBILITY=False, require_wifi_for_ip_audio=True, RequireWIFIForIPVideo=True
        )
        told = (policy.enable_mobility, policy.require_wifi_for_ip_audio)
        self.assertEqual((False, True, True), (*told, policy.require_wifi_for_ip_video))

    def test_wrong(self) -> None:
        """Every wrong value is told with its key, value, rule and the nearest right name."""
        self.assertEqual(
            {
                "EnableMobilty": "is not a field of a mobility policy; is EnableMobility meant?",
                "EnableOutsideVoice": "is 'no', must be true or false",
                "VoiceSettings": "is 'VoIPAlway', must be empty or VoIPAlways or VoIPOverWiFi or "
                "Cellular; is VoIPAlways meant?",
            },
            self.wrong(EnableMobilty=False, EnableOutsideVoice="no", VoiceSettings="VoIPAlway"),
        )
        self.assertIn("is given twice", self.wrong(EnableMobility=1, enablemobility=0).values())
        self.assertIn("is site meant?", self.wrong("sit:Redmond")["name"])
        self.assertEqual(
            "There is no mobility policy 'tag:Sale'; is tag:Sales meant?",
            (self.add("Sales") and self.refused(self.policies.remove(KIND, "Sale", 1))).message,
        )

    def test_new(self) -> None:
        """A policy is new once; the global one always is there."""
        self.add("Sales")
        for name in ("sales", "tag:SALES", "global"):
            refusal = self.refused(self.policies.add(KIND, name, {}))
            self.assertEqual(("Conflict", "AlreadyExists"), (refusal.code, refusal.subcode))

    def test_whole_object(self) -> None:
        """The user's policy rules, else the site's, else the global one; fields are not mixed."""
        self.get(self.policies.change(KIND, "global", {"EncryptAppData": False}, 0))
        self.add("site:Redmond", EnableMobility=False)
        self.add("Sales", EnableOutsideVoice=False)
        self.grant(ALICE, "Sales")
        sales = self.policies.policy_of(ALICE)
        self.assertEqual(
            ("tag:Sales", True, True), (sales.name, sales.enable_mobility, sales.encrypt_app_data)
        )
        self.grant(ALICE, "")
        self.assertEqual("site:Redmond", self.policies.policy_of(ALICE).name)
        self.assertEqual("global", self.policies.policy_of(BOB).name)
        self.assertFalse(self.policies.policy_of(BOB).encrypt_app_data)

    def test_remove(self) -> None:
        """Who held a removed policy drops to the next level; the global one is only reset."""
        self.add("site:Redmond")
        self.add("Sales")
        self.grant(ALICE, "Sales")
        self.get(self.policies.remove(KIND, "Sales", 1))
        self.assertEqual("site:Redmond", self.policies.policy_of(ALICE).name)
        self.add("Sales")  # the grant does not come back with the name
        self.assertEqual("site:Redmond", self.policies.policy_of(ALICE).name)
        self.get(self.policies.remove(KIND, "site:redmond", 1))
        self.assertEqual("global", self.policies.policy_of(ALICE).name)
        self.get(self.policies.change(KIND, "global", {"EnableMobility": False}, 0))
        self.get(self.policies.remove(KIND, "global", 1))
        self.assertTrue(self.policies.policy_of(BOB).enable_mobility)

    def test_two_administrators(self) -> None:
        """The later of two who change the same version is told, and nothing of it is stored."""
        self.get(self.policies.change(KIND, "global", {"EnableMobility": False}, 0))
        refusal = self.refused(self.policies.change(KIND, "global", {"EncryptAppData": False}, 0))
        self.assertEqual(
            ("Conflict", "Somebody has changed it since: it is at version 1, not 0."),
            (refusal.code, refusal.message),
        )
        self.assertTrue(self.policies.find(KIND, "global").thing.encrypt_app_data)

    def test_grants(self) -> None:
        """Only policies for users are granted, to users that are there."""
        self.add("site:Redmond")
        for name in ("site:Redmond", "global", "nobody", 7):
            values = {"mobility_policy": name}
            self.assertIsInstance(
                self.refused(self.policies.grant(ALICE.uri, values, 0)), PeerFault
            )
        self.assertIsInstance(
            self.refused(self.policies.grant(uri("zoe"), {"mobility_policy": ""}, 0)), Refusal
        )

    def test_groups(self) -> None:
        """A group's policy comes after the user's own and before the site's; the lowest rank
        counts."""
        members = {uri("sales"): {ALICE.uri, BOB.uri}, uri("all"): {ALICE.uri}}
        self.policies.is_member = lambda group, member: member in members.get(group, ())
        for name in ("Own", "Sales", "Everybody", "site:Redmond"):
            self.add(name)
        add = self.policies.add
        self.get(add(GROUP_KIND, uri("sales"), {"policy": "Sales", "rank": 2}))
        self.get(add(GROUP_KIND, uri("all"), {"policy": "tag:Everybody", "rank": 3}))
        self.assertEqual("tag:Sales", self.policies.policy_of(ALICE).name)
        self.get(self.policies.change(GROUP_KIND, uri("all"), {"rank": 1}, 1))
        self.assertEqual("tag:Everybody", self.policies.policy_of(ALICE).name)
        self.assertEqual("tag:Sales", self.policies.policy_of(BOB).name)
        self.grant(ALICE, "Own")
        self.assertEqual("tag:Own", self.policies.policy_of(ALICE).name)
        self.grant(ALICE, "")
        members.clear()
        self.assertEqual("site:Redmond", self.policies.policy_of(ALICE).name)
        used = self.refused(self.policies.remove(KIND, "Sales", 1))
        self.assertIn(f"is used by group policy {uri('sales')}", used.message)

    def test_wrong_groups(self) -> None:
        """A group is a SIP URI, its policy one for users that is there."""
        self.add("Sales")
        for name, values, key in (
            ("sales", {"policy": "Sales"}, "name"),
            (uri("sales"), {}, "policy"),
            (uri("sales"), {"policy": "site:Redmond"}, "policy"),
            (uri("sales"), {"policy": "Sale"}, "policy"),
            (uri("sales"), {"policy": "Sales", "rank": 0}, "rank"),
        ):
            fault = self.refused(self.policies.add(GROUP_KIND, name, values))
            self.assertEqual([key], [one.name for one in fault.parameters])

    def test_push(self) -> None:
        """Who may not have a mobile client is not woken either."""
        self.assertTrue(self.policies.may_push(ALICE.uri))
        for name in ("EnableMobility", "EnablePushNotifications"):
            self.add(name, **{name: False})
            self.grant(ALICE, name)
            self.assertFalse(self.policies.may_push(ALICE.uri))

    def test_kept(self) -> None:
        """The next process has the same policies and grants; a removed user leaves none."""
        self.add("Sales", VoiceSettings="Cellular")
        self.grant(ALICE, "Sales")
        again = MobilityPolicies(self.ledger, self.users)
        stored = self.ledger.snapshot()
        again.load(stored.mobility_settings, stored.mobility_grants)
        self.assertEqual("Cellular", again.policy_of(ALICE).voice_settings)
        self.get(again.forget(ALICE, START))
        self.assertEqual({}, self.ledger.all(MobilityGrant))


NAMES = ["global", "site:Redmond", "site:Paris", "Sales", "Guests"]
SITES = ["", "Redmond", "Paris", "Nowhere"]


class Precedence(RuleBasedStateMachine):
    """Policies change in any order, as do grants and sites; a plain model says who rules."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = MemoryLedger()
        self.users = Users(self.ledger)
        self.policies = MobilityPolicies(self.ledger, self.users)
        self.model: dict[str, dict[str, bool]] = {}
        self.granted: dict[str, str] = {}
        self.sites: dict[str, str] = {}

    def get(self, awaitable: Awaitable[Any]) -> Any:
        return done(running(awaitable))

    @initialize()
    def people(self) -> None:
        for name in ("alice", "bob"):
            self.get(self.users.add(User(uri(name), name)))
            self.sites[uri(name)] = ""

    @initialize(missing=st.sets(st.sampled_from(NAMES), max_size=2))
    def policies_of_before(self, missing: AbstractSet[str]) -> None:
        for name in set(NAMES) - missing:
            self.put(name, mobile=True, outside=False)

    @rule(name=st.sampled_from(NAMES), mobile=st.booleans(), outside=st.booleans())
    def put(self, name: str, mobile: bool, outside: bool) -> None:
        values = {"EnableMobility": mobile, "EnableOutsideVoice": outside}
        if name in self.model or name == "global":
            version = self.policies.find(KIND, name).version
            self.get(self.policies.change(KIND, name, values, version))
        else:
            self.get(self.policies.add(KIND, name, values))
        self.model[name] = values

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.model)))
        version = self.policies.find(KIND, name).version
        self.get(self.policies.remove(KIND, name, version))
        del self.model[name]
        self.granted = {who: what for who, what in self.granted.items() if what != name}

    @rule(who=st.sampled_from(["alice", "bob"]), data=st.data())
    def grant(self, who: str, data: st.DataObject) -> None:
        tags = [name for name in self.model if name in NAMES[3:]]
        name = data.draw(st.sampled_from([*tags, ""]))
        version = self.policies.grant_of(uri(who)).version
        self.get(self.policies.grant(uri(who), {"mobility_policy": name}, version))
        self.granted[uri(who)] = name

    @rule(who=st.sampled_from(["alice", "bob"]), site=st.sampled_from(SITES))
    def move(self, who: str, site: str) -> None:
        self.get(self.users.update(uri(who), lambda user: attrs.evolve(user, site=site), START))
        self.sites[uri(who)] = site

    @rule()
    def restart(self) -> None:
        stored = self.ledger.snapshot()
        self.policies = MobilityPolicies(self.ledger, self.users)
        self.policies.load(stored.mobility_settings, stored.mobility_grants)

    @invariant()
    def who_rules(self) -> None:
        for user, site in self.sites.items():
            candidates = [self.granted.get(user, ""), f"site:{site}", "global"]
            ruling = next((one for one in candidates if one in self.model), "global")
            values = self.model.get(ruling, {"EnableMobility": True, "EnableOutsideVoice": True})
            found = shown(self.policies.of(user))
            name = MOBILITY.identity(KIND, ruling)
            if {key: found[key] for key in ("name", *values)} != {"name": name, **values}:
                raise AssertionError(f"{found} rules {user}, not {ruling}")


class PrecedenceTests(SynchronousTestCase):
    """User before site before global, each as a whole."""

    def test_precedence(self) -> None:
        """Whatever changes, the policy in force is the one that a plain model names."""
        run_state_machine_as_test(
            Precedence, settings=settings(max_examples=60, stateful_step_count=25, deadline=None)
        )
