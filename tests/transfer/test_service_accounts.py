"""Service accounts and push switches, out and in."""

import json

from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.records import ServiceAccount, User
from mobility.domain.scopes import CONTACTS, RECEIVE, SCOPES
from mobility.domain.service_accounts import Told
from mobility.errors import Refusal
from tests.domain.doubles import World, done, running, uri
from tests.transfer.doubles import Case, document

ALICE, BOT = uri("alice"), uri("bot")


class ServiceAccountTests(SynchronousTestCase):
    """The section `service_accounts`."""

    def setUp(self) -> None:
        self.world = World("alice")
        self.case = Case(self.world)

    def add(self) -> Told:
        added = self.case.service_accounts.add(BOT, "Bot", [RECEIVE, CONTACTS], self.world.now)
        return done(running(added))

    def test_no_secrets(self) -> None:
        """An account is exported with its scopes, apart from people, without any secret."""
        told = self.add()
        (secret,) = self.case.service_accounts.secrets_of(BOT, self.world.now)
        exported = self.case.export(secrets=True)
        scopes = [one for one in SCOPES if one in (RECEIVE, CONTACTS)]
        self.assertEqual(
            [{"uri": BOT, "name": "Bot", "scopes": scopes}],
            exported["sections"]["service_accounts"],
        )
        self.assertEqual([ALICE], [one["uri"] for one in exported["sections"]["users"]])
        written = json.dumps(exported)
        self.assertNotIn(told.secret, written)
        self.assertNotIn(secret.digest, written)

    def test_new(self) -> None:
        """A new account is there without a secret, which is noted, and gets one when its secret is
        rotated."""
        outcome = self.case.take(document(service_accounts=[{"uri": BOT, "scopes": [RECEIVE]}]))
        (note,) = outcome.notes
        self.assertEqual(("secret", True), (note.key, "service-account rotate" in note.rule))
        accounts = self.case.service_accounts
        self.assertEqual([], accounts.secrets_of(BOT, self.world.now))
        told = done(running(accounts.rotate(BOT, 1, 0, self.world.now)))
        self.assertTrue(accounts.knows(BOT, told.secret, self.world.now))

    def test_there_already(self) -> None:
        """An account that is there keeps its secret; who loses a scope has to sign in again."""
        told = self.add()
        revoked: list[str] = []
        self.world.users.revocations.append(lambda user, _unit: revoked.append(user.uri))
        more = [RECEIVE, CONTACTS]
        items = document(service_accounts=[{"uri": BOT, "name": "Robot", "scopes": more}])
        outcome = self.case.take(items)
        self.assertEqual(({"changed": 1}, []), (dict(outcome.counts["service_accounts"]), revoked))
        self.assertEqual([], list(outcome.notes))
        items = document(service_accounts=[{"uri": BOT, "name": "Robot", "scopes": [RECEIVE]}])
        self.case.take(items)
        accounts = self.case.service_accounts
        self.assertEqual((frozenset({RECEIVE}), [BOT]), (accounts.scopes_of(BOT), revoked))
        self.assertTrue(accounts.knows(BOT, told.secret, self.world.now))
        self.assertEqual(3, accounts.find(BOT).version)
        self.assertEqual({"unchanged": 1}, dict(self.case.take(items).counts["service_accounts"]))

    def test_part(self) -> None:
        """What does not say all of an account leaves its scopes."""
        self.add()
        items = document(service_accounts=[{"uri": BOT, "enabled": False}])
        self.assertEqual([], list(self.case.take(items, whole=False).refused))
        user = self.world.users.find(BOT)
        self.assertEqual(("Bot", False), (user.name, user.enabled) if user else ())
        scopes = self.case.service_accounts.scopes_of(BOT)
        self.assertEqual(frozenset({RECEIVE, CONTACTS}), scopes)

    def test_not_among_people(self) -> None:
        """An account in the section of people is refused, and so is one that is in both."""
        self.add()
        (one,) = self.case.take(document(users=[{"uri": BOT}])).refused
        self.assertIn("belongs in service_accounts", one.rule)
        both = document(
            users=[{"uri": uri("x")}], service_accounts=[{"uri": uri("x"), "scopes": [RECEIVE]}]
        )
        (one,) = self.case.take(both).refused
        self.assertEqual(("service_accounts", "is there twice"), (one.section, one.rule))

    def test_named_by_others(self) -> None:
        """What the document grants to an account that it brings is taken."""
        items = document(
            service_accounts=[{"uri": BOT, "scopes": [RECEIVE]}],
            mobility_policies=[{"name": "tag:Robots"}],
            mobility_grants=[{"user": BOT, "mobility_policy": "Robots"}],
        )
        self.assertEqual([], list(self.case.take(items).refused))

    def test_somebody_else(self) -> None:
        """An account that another process has made meanwhile is 409, and nothing is half done."""
        row = ServiceAccount(BOT, 1, RECEIVE)
        self.world.ledger.all(ServiceAccount)[BOT,] = row
        items = document(service_accounts=[{"uri": BOT, "scopes": [RECEIVE]}])
        self.failureResultOf(self.case.taking(items), Refusal)
        self.assertIsNone(self.world.users.find(BOT))
        self.assertNotIn((BOT,), self.world.ledger.all(User))


class PushSwitchTests(SynchronousTestCase):
    """The section `push_switches`."""

    def test_taken(self) -> None:
        """Switches take effect at once, those of a site for it alone, and whoever follows them is
        told once."""
        case = Case(World("alice"))
        told: list[bool] = []
        case.push_switches.changes.append(lambda: told.append(True))
        case.take(
            document(
                push_switches=[
                    {"platform": "fcm", "enabled": True},
                    {"platform": "fcm", "site": "Paris", "enabled": False},
                ]
            )
        )
        found = [case.push_switches.is_on("fcm", site) for site in ("", "Paris", "Rome")]
        self.assertEqual(([True, False, True], [True]), (found, told))

    def test_stays(self) -> None:
        """What the document does not name stays as it is."""
        case = Case(World("alice"))
        done(running(case.push_switches.turn("apns", enabled=True)))
        case.take(document(push_switches=[{"platform": "fcm", "enabled": True}]))
        self.assertTrue(case.push_switches.is_on("apns"))
