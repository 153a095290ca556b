"""What is exported can be taken in, and is then exported alike: for any configuration."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.commands.export import written
from mobility.domain.push_rules import SWITCHES
from mobility.domain.scopes import SCOPES
from tests.domain.doubles import World
from tests.transfer.doubles import HASH, Case, document

TEXT = st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=12)
NAMES = st.text("abcdefgh ÄΩ-", min_size=1, max_size=8).map(str.strip).filter(bool)
PEOPLE = [f"sip:{letter}@example.test" for letter in "abcdef"]
PHONE = st.from_regex(r"\A\+1[0-9]{5,9}(;ext=[0-9]{1,4})?\Z")
SOMEBODY = st.sampled_from(PEOPLE)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


def in_order(scopes: list[str]) -> list[str]:
    """As they are written, whatever the order in which they were given."""
    return [one for one in SCOPES if one in scopes]


USER = some(
    name=TEXT.filter(bool),
    title=TEXT,
    site=TEXT,
    work_phone=PHONE,
    home_phone=PHONE,
    enabled=st.booleans(),
    enterprise_voice=st.booleans(),
    manager=SOMEBODY,
    home=st.sampled_from(["here", "none", "https://pool.example.org/root"]),
    private_phones=st.lists(st.sampled_from(["mobile", "home", "other"]), unique=True),
    password_hash=st.just(HASH),
    sip_ha1_md5=st.just("0" * 32),
    sip_ha1_sha256=st.just("f" * 64),
)
ROBOTS = [f"sip:robot{number}@example.test" for number in range(3)]
ROBOT = st.fixed_dictionaries(
    {"scopes": st.lists(st.sampled_from(SCOPES), unique=True, min_size=1).map(in_order)},
    optional={
        "name": TEXT.filter(bool),
        "enabled": st.booleans(),
        "site": TEXT,
        "home": st.sampled_from(["here", "none"]),
    },
)
POLICY_GROUPS = ["sip:g0@example.test", "ldap:///cn=mobile%20users,dc=example,dc=test"]
RANK = some(rank=st.integers(1, 10_000))
SITE = st.text("ab Ü", min_size=1, max_size=4).filter(str.strip)
SWITCHED = st.fixed_dictionaries(
    {"platform": st.sampled_from(sorted(SWITCHES)), "enabled": st.booleans()},
    optional={"site": SITE},
)
USAGES = st.lists(st.sampled_from(["Local", "Far"]), unique=True)
RULE = some(
    pattern=st.sampled_from([r"^(\d{3})$", r"^9(\d+)$"]),
    translation=st.just("+$1"),
    is_internal_extension=st.booleans(),
)
SCOPED = st.one_of(
    st.just("global"), NAMES.map(lambda name: f"site:{name}"), NAMES.map(lambda name: f"tag:{name}")
)


def named(name: st.SearchStrategy[str], rest: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects, each with another name."""
    one = st.builds(lambda name, rest: {"name": name, **rest}, name, rest)
    return st.lists(one, max_size=4, unique_by=lambda item: item["name"].casefold())


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Any right configuration of six people."""
    policies = draw(
        named(
            SCOPED,
            some(
                usages=USAGES,
                allow_simul_ring=st.booleans(),
                call_forwarding_simul_ring_usage_type=st.sampled_from(["InternalOnly"]),
                description=TEXT,
            ),
        )
    )
    rules = st.lists(
        st.builds(lambda name, rest: {"name": name, **rest}, NAMES, RULE),
        max_size=3,
        unique_by=lambda rule: rule["name"].casefold(),
    )
    plans = draw(named(SCOPED, some(rules=rules, description=TEXT)))
    mobile = draw(
        named(
            SCOPED,
            some(
                EnableMobility=st.booleans(),
                RequireWiFiForIPVideo=st.booleans(),
                VoiceSettings=st.sampled_from(["", "Cellular"]),
            ),
        )
    )
    mobile_tags = [one["name"] for one in mobile if one["name"].startswith("tag:")]
    tags = [one["name"] for one in policies if one["name"].startswith("tag:")]
    plan_tags = [one["name"] for one in plans if one["name"].startswith("tag:")]
    others = st.lists(SOMEBODY, unique=True, min_size=1, max_size=5)
    return document(
        users=[{"uri": uri, **draw(USER)} for uri in PEOPLE],
        groups=[
            {"uri": f"sip:g{number}@example.test", "name": f"G{number}", "members": draw(others)}
            for number in range(draw(st.integers(0, 2)))
        ],
        delegates=_of_people(draw, others, "delegates"),
        teams=_of_people(draw, others, "members"),
        pstn_usages=[{"name": "Local"}, {"name": "Far", "description": draw(TEXT)}],
        gateways=draw(
            named(st.sampled_from(["a.gw.test", "b.gw.test"]), some(port=st.integers(1, 65535)))
        ),
        voice_routes=draw(
            named(NAMES, some(usages=USAGES, priority=st.integers(0, 9), description=TEXT))
        ),
        voice_policies=policies,
        dial_plans=plans,
        emergency_numbers=draw(
            named(st.sampled_from(["112", "911"]), some(masks=st.just(["999"]), description=TEXT))
        ),
        voice_grants=[
            {
                "user": uri,
                **({"voice_policy": draw(st.sampled_from(tags))} if tags else {}),
                **({"dial_plan": draw(st.sampled_from(plan_tags))} if plan_tags else {}),
            }
            for uri in draw(st.lists(SOMEBODY, unique=True))
            if tags or plan_tags
        ],
        mobility_policies=mobile,
        mobility_group_policies=[
            {"name": name, "policy": draw(st.sampled_from(mobile_tags)), **draw(RANK)}
            for name in draw(st.lists(st.sampled_from(POLICY_GROUPS), unique=True))
            if mobile_tags
        ],
        mobility_grants=[
            {"user": uri, "mobility_policy": draw(st.sampled_from(mobile_tags))}
            for uri in draw(st.lists(SOMEBODY, unique=True))
            if mobile_tags
        ],
        service_accounts=[
            {"uri": uri, **draw(ROBOT)}
            for uri in draw(st.lists(st.sampled_from(ROBOTS), unique=True))
        ],
        push_switches=draw(
            st.lists(
                SWITCHED, max_size=5, unique_by=lambda one: (one["platform"], one.get("site", ""))
            )
        ),
        forwarding=[
            {
                "user": uri,
                **draw(
                    some(
                        active_setting=st.sampled_from(["None", "SimultaneousRing"]),
                        ring_target=st.sampled_from(["None", "Delegates", "Team"]),
                        ring_delay_s=st.integers(0, 55),
                        ring_contact=st.one_of(SOMEBODY, st.just("tel:+14255550100")),
                        unanswered_delay_s=st.integers(5, 60),
                        active_period=st.just("Workhours"),
                    )
                ),
            }
            for uri in draw(st.lists(SOMEBODY, unique=True))
        ],
    )


def _of_people(draw: st.DrawFn, others: Any, key: str) -> list[dict[str, Any]]:
    found = []
    for uri in draw(st.lists(SOMEBODY, unique=True)):
        if named := [one for one in draw(others) if one != uri]:
            found.append({"user": uri, key: named})
    return found


class RoundTripTests(SynchronousTestCase):
    """Out and in again."""

    @settings(max_examples=20)
    @given(documents())
    def test_any(self, given_document: dict[str, Any]) -> None:
        """A configuration that was taken in is exported, written to a file, read, taken in by an
        empty system, and exported alike; a restart finds it so; taken in again nothing changes."""
        first = Case(World())
        outcome = first.take(given_document)
        self.assertEqual([], list(outcome.refused))
        exported = first.export(secrets=True)
        read = json.loads(written(exported))
        self.assertEqual(exported, read)
        second = Case(World())
        self.assertEqual([], list(second.take(read).refused))
        self.assertEqual(exported, second.export(secrets=True))
        restarted = Case(World(ledger=second.world.ledger.reopened()))
        self.assertEqual(exported, restarted.export(secrets=True))
        again = restarted.take(read)
        self.assertEqual([], list(again.refused))
        for name, counts in again.counts.items():
            self.assertEqual({"unchanged"}, set(counts), name)

    @settings(max_examples=15)
    @given(documents(), documents())
    def test_over_another(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Taken in over another configuration, each object is as the file says, whatever it was."""
        case, fresh = Case(World()), Case(World())
        case.take(before)
        self.assertEqual([], list(case.take(after).refused))
        fresh.take(after)
        ours, theirs = case.export()["sections"], fresh.export()["sections"]
        for name, items in theirs.items():
            for item in items:
                self.assertIn(item, ours[name])

    @settings(max_examples=10)
    @given(documents())
    def test_secrets(self, given_document: dict[str, Any]) -> None:
        """Without being asked for, no hash is in the export."""
        case = Case(World())
        case.take(given_document)
        self.assertNotIn("argon2", json.dumps(case.export()))
        self.assertNotIn("f" * 64, json.dumps(case.export()))
