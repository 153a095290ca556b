"""Tests of taking documents in: what is refused, and that it is all or nothing."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.records import DistributionGroup, User
from mobility.domain.topology import Pool, Topology
from mobility.errors import PeerFault, Refusal, Unavailable
from mobility.transfer.form import FORMAT
from tests.domain.doubles import World, done, running, uri
from tests.transfer.doubles import HASH, Case, document

ALICE, BOB = uri("alice"), uri("bob")


class RefusalTests(SynchronousTestCase):
    """Each wrong value is told with section, item, key and rule, and nothing is changed."""

    WRONG: tuple[tuple[str, dict[str, Any], str, str], ...] = (
        ("users", {"name": "X"}, "uri", "must be a SIP URI"),
        ("users", {"uri": "sip:x@elsewhere.test"}, "uri", "must be in a SIP domain"),
        ("users", {"uri": uri("x"), "titel": "X"}, "titel", "is title meant?"),
        ("users", {"uri": uri("x"), "work_phone": "12"}, "work_phone", "must be an E.164"),
        ("users", {"uri": uri("x"), "password": "\x01"}, "password", "control character"),
        ("users", {"uri": uri("x"), "password_hash": "x"}, "password_hash", "argon2id"),
        (
            "users",
            {"uri": uri("x"), "password_hash": HASH.replace("m=19456", "m=999999")},
            "password_hash",
            "must not cost more",
        ),
        ("users", {"uri": uri("x"), "sip_ha1_md5": "x"}, "sip_ha1_md5", "hexadecimal"),
        ("users", {"uri": uri("x"), "private_phones": "home"}, "private_phones", "must be a list"),
        ("users", {"uri": uri("x"), "source": "ldap"}, "source", "must be replicated first"),
        (
            "users",
            {"uri": uri("x"), "home": "pool2"},
            "home",
            "which is no pool, branch",
        ),
        ("service_accounts", {"uri": uri("x")}, "scopes", "must be a list of some of"),
        ("service_accounts", {"uri": uri("x"), "scopes": ["Contacts"]}, "scopes", "which is none"),
        (
            "service_accounts",
            {"uri": ALICE, "scopes": ["User.ReadWrite"]},
            "uri",
            "no service account",
        ),
        (
            "service_accounts",
            {"uri": uri("x"), "scopes": ["User.ReadWrite"], "password": "x"},
            "password",
            "is not a field here",
        ),
        ("push_switches", {"platform": "apn", "enabled": True}, "platform", "is apns meant?"),
        ("push_switches", {"platform": "apns", "enabled": "yes"}, "enabled", "must be true or"),
        ("push_switches", {"platform": "apns", "enabled": True, "site": 1}, "site", "must be the"),
        ("groups", {"uri": "g@example.test", "name": ""}, "name", "must be a text"),
        ("groups", {"uri": "g@example.test", "name": "G", "members": ["x"]}, "members", "entry 1"),
        ("delegates", {"user": ALICE, "delegates": [uri("x")]}, "delegates", "who is no user"),
        ("delegates", {"user": ALICE, "delegates": [ALICE]}, "delegates", "must not hold"),
        ("teams", {"user": uri("x"), "members": [BOB]}, "user", "who is no user"),
        ("voice_routes", {"name": "R", "usages": ["Far"]}, "usages", "which is no PSTN usage"),
        ("voice_routes", {"name": "R", "number_pattern": "("}, "number_pattern", ""),
        ("dial_plans", {"name": "x", "colour": 1}, "colour", "is not a field of a dial plan"),
        ("voice_grants", {"user": ALICE, "voice_policy": "x"}, "voice_policy", "is no voice"),
        ("voice_grants", {"user": ALICE, "voice_policy": "global"}, "voice_policy", "for users"),
        ("voice_grants", {"user": uri("x")}, "user", "who is no user here"),
        ("forwarding", {"user": ALICE, "ring_delay_s": 99}, "ring_delay_s", "from 0 to 55"),
        ("forwarding", {"user": ALICE, "forward_target": "Contact"}, "forward_contact", "missing"),
        ("forwarding", {"user": ALICE, "active_setting": "On"}, "active_setting", "must be"),
    )

    def test_each(self) -> None:
        """Each kind of fault, beside an item that is right and is not taken in either."""
        good = {"uri": uri("good"), "name": "Good"}
        for section, item, key, rule in self.WRONG:
            with self.subTest(section=section, item=item):
                case = Case(World("alice", "bob"))
                sections = {"users": [good], section: [item]}
                if section == "users":
                    sections["users"] = [good, item]
                outcome = case.take(document(**sections))
                (one,) = outcome.refused
                self.assertEqual((section, key), (one.section, one.key))
                self.assertEqual(len(sections[section]), one.item)
                self.assertIn(rule, one.rule)
                self.assertIsNone(case.world.users.find(uri("good")))
                self.assertEqual([], case.world.ledger.units)

    def test_twice(self) -> None:
        """An object that is there twice is refused the second time, in any spelling."""
        case = Case(World())
        outcome = case.take(
            document(
                users=[{"uri": "sip:X@example.test"}, {"uri": "x@example.test"}],
                pstn_usages=[{"name": "a"}, {"name": "A"}],
            )
        )
        places = [(one.section, one.item) for one in outcome.refused]
        self.assertEqual([("users", 2), ("pstn_usages", 2)], places)

    def test_no_items(self) -> None:
        """What is no object is refused with its number."""
        outcome = Case(World()).take(document(users=[1, "x"], voice_routes=[None]))
        self.assertEqual(3, len(outcome.refused))

    def test_no_document(self) -> None:
        """What is no document of this format and version, or has unknown sections, is 400."""
        case = Case(World())
        for wrong in (
            {},
            {"format": FORMAT, "version": 2, "sections": {}},
            document(people=[]),
            document(users={}),  # type: ignore[arg-type]  # that is what is tested
            {**document(), "sections": []},
        ):
            self.failureResultOf(case.taking(wrong), PeerFault)
        self.failureResultOf(case.taking(document(), existing="drop"), PeerFault)

    def test_newer(self) -> None:
        """A document of a newer version is told apart from one without a version."""
        for version, told in ((2, "a newer mobility"), (None, "must be 1"), ("2", "must be 1")):
            wrong = {**document(), "version": version}
            fault = self.failureResultOf(Case(World()).taking(wrong), PeerFault).value
            self.assertIn(told, fault.parameters[0].reason)

    def test_many(self) -> None:
        """Beyond a thousand refusals the rest is counted."""
        outcome = Case(World()).take(document(users=[{}] * 1_200))
        self.assertEqual((1_000, 200), (len(outcome.refused), outcome.more_refused))

    def test_password_is_not_told(self) -> None:
        """No refusal, note or log line holds a password or a hash."""
        case = Case(World())
        item = {"uri": uri("x"), "password": "pass\x01word", "password_hash": "hash-secret"}
        outcome = case.take(document(users=[item]))
        told = f"{outcome!r}{case.log.events!r}"
        self.assertNotIn("word\x01", told)
        self.assertNotIn("hash-secret", told)
        self.assertNotIn("pass", told.replace("password", ""))


class TakingTests(SynchronousTestCase):
    """What is taken in."""

    def setUp(self) -> None:
        self.world = World("alice", "bob")
        self.case = Case(self.world)

    def test_one_unit(self) -> None:
        """All of it is one unit of work."""
        items = document(
            users=[{"uri": uri("x"), "password": "secret", "sip_digest": True}],
            delegates=[{"user": uri("x"), "delegates": [ALICE]}],
            pstn_usages=[{"name": "Local"}],
            voice_policies=[{"name": "Boss", "usages": ["local"]}],
            voice_grants=[{"user": uri("x"), "voice_policy": "boss"}],
        )
        self.case.take(items)
        self.assertEqual(1, len(self.world.ledger.units))
        user = self.world.users.find(uri("x"))
        assert user is not None
        self.assertTrue(user.password_hash.startswith("$argon2id$"))
        self.assertTrue(user.sip_ha1_md5 and user.sip_ha1_sha256)
        self.assertEqual(("local",), self.world.voice.policy_of(user).usages)
        self.assertEqual([ALICE], self.world.delegates.delegates_of(uri("x")))

    def test_store_refuses(self) -> None:
        """When the store cannot take it nothing is changed in memory either."""
        self.world.ledger.failing = True
        before = self.case.export()
        items = document(users=[{"uri": uri("x")}], pstn_usages=[{"name": "Local"}])
        self.failureResultOf(self.case.taking(items), Unavailable)
        self.world.ledger.failing = False
        self.assertEqual(before, self.case.export())
        self.assertEqual([], list(self.case.take(items).refused))

    def test_dry_run(self) -> None:
        """A dry run counts, hashes nothing and changes nothing."""
        items = document(users=[{"uri": uri("x"), "password": "secret"}, {"uri": ALICE}])
        outcome = self.case.take(items, dry_run=True, whole=False)
        self.assertEqual({"added": 1, "unchanged": 1}, dict(outcome.counts["users"]))
        self.assertEqual((0, []), (self.case.hasher.turns, self.world.ledger.units))

    def test_existing(self) -> None:
        """What is there and different is changed, kept or refused, as asked."""
        items = document(users=[{"uri": ALICE, "title": "Boss"}])
        kept = self.case.take(items, existing="keep", whole=False)
        self.assertEqual({"kept": 1}, dict(kept.counts["users"]))
        (one,) = self.case.take(items, existing="refuse", whole=False).refused
        self.assertIn("is there already", one.rule)
        self.case.take(items, whole=False)
        user = self.world.users.find(ALICE)
        self.assertEqual(("Boss", "Alice"), (user.title, user.name) if user else ())

    def test_whole(self) -> None:
        """With `whole` what an item does not say has its default; else it stays."""
        self.case.take(document(users=[{"uri": ALICE, "title": "Boss", "name": "A"}]))
        self.case.take(document(users=[{"uri": ALICE, "office": "1"}]), whole=False)
        user = self.world.users.find(ALICE)
        self.assertEqual(("Boss", "1"), (user.title, user.office) if user else ())
        self.case.take(document(users=[{"uri": ALICE, "name": "A"}]))
        user = self.world.users.find(ALICE)
        self.assertEqual(("", ""), (user.title, user.office) if user else ())

    def test_password_signs_out(self) -> None:
        """Another password for somebody who is there is a change that signs it out."""
        revoked: list[str] = []
        self.world.users.revocations.append(lambda user, _unit: revoked.append(user.uri))
        outcome = self.case.take(document(users=[{"uri": ALICE, "password": "x"}]), whole=False)
        self.assertEqual(({"changed": 1}, [ALICE]), (dict(outcome.counts["users"]), revoked))

    def test_nothing_takes_effect_when_refused(self) -> None:
        """A refusal in the last section keeps the first from signing anybody out."""
        revoked: list[str] = []
        self.world.users.revocations.append(lambda user, _unit: revoked.append(user.uri))
        items = document(users=[{"uri": ALICE, "enabled": False}], forwarding=[{"user": "x"}])
        self.assertEqual(1, len(self.case.take(items).refused))
        self.assertEqual([], revoked)

    def test_waits_for_others(self) -> None:
        """A change that is under way is not lost: the document waits for it."""
        self.world.ledger.hold()
        change = running(
            self.world.users.update(ALICE, lambda user: User(user.uri, "Other"), self.world.now)
        )
        taking = self.case.taking(document(users=[{"uri": ALICE, "title": "Boss"}]), whole=False)
        self.world.ledger.release()
        done(change)
        done(taking)
        user = self.world.users.find(ALICE)
        self.assertEqual(("Other", "Boss"), (user.name, user.title) if user else ())

    def test_somebody_else(self) -> None:
        """When another process has changed a versioned row meanwhile it is 409, and nothing is
        half done."""
        items = document(users=[{"uri": uri("x")}], pstn_usages=[{"name": "Local"}])
        other = World(ledger=self.world.ledger)
        done(running(other.voice.add("usages", "Local", {})))
        self.failureResultOf(self.case.taking(items), Refusal)
        self.assertIsNone(self.world.users.find(uri("x")))

    def test_directory(self) -> None:
        """Of what a directory keeps only what is set here is exported and taken in; its groups are
        left to it."""
        mirrored = User(uri("m"), "M", source="ldap", source_id="1", title="Boss", site="Paris")
        self.world.ledger.all(User)[(mirrored.uri,)] = mirrored
        group = DistributionGroup(uri("g"), "G", "", "ldap", "2")
        self.world.ledger.all(DistributionGroup)[(group.uri,)] = group
        case = Case(World(ledger=self.world.ledger), ("ldap",))
        exported = case.export(secrets=True)["sections"]
        self.assertEqual([], exported["groups"])
        (item,) = [one for one in exported["users"] if one["uri"] == mirrored.uri]
        self.assertEqual({"uri": mirrored.uri, "site": "Paris", "source": "ldap"}, item)
        self.assertEqual([], list(case.take(document(users=[{**item, "site": "Rome"}])).refused))
        user = case.world.users.find(mirrored.uri)
        self.assertEqual(("Rome", "Boss", "M"), (user.site, user.title, user.name) if user else ())
        (one,) = case.take(document(users=[{**item, "name": "N"}])).refused
        self.assertIn("is kept by the directory", one.rule)

    def test_home(self) -> None:
        """A home is a name of the topology, in any case, and is exported under that name."""
        topology = Topology("pool1", pools=(Pool("pool2", "https://pool2.example.test/root"),))
        case = Case(self.world, topology=topology)
        self.assertEqual(
            [], list(case.take(document(users=[{"uri": ALICE, "home": "POOL2"}])).refused)
        )
        user = self.world.users.find(ALICE)
        assert user is not None
        home = topology.home_of(user)
        self.assertEqual("https://pool2.example.test/root", home.root if home else "")
        (item,) = [one for one in case.export()["sections"]["users"] if one["uri"] == ALICE]
        self.assertEqual("pool2", item["home"])
        again = case.take(document(users=[item]))
        self.assertEqual({"unchanged": 1}, dict(again.counts["users"]))

    def test_others_have_their_turn(self) -> None:
        """A large document lets others in between."""
        self.case.take(document(users=[{"uri": uri(f"u{number}")} for number in range(1_000)]))
        self.assertGreater(self.case.breaths, 4)
