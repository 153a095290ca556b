"""Distribution groups from the directory."""

from typing import Any

from ldaptor.protocols import pureldap
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.directory.faults import DirectoryFault
from mobility.directory.groups import GroupReplication
from mobility.directory.mapping import Mapping
from mobility.directory.searches import Searches
from mobility.directory.servers import Servers
from mobility.domain.directory_names import folded_dn, uri_of_name
from mobility.domain.distribution_groups import DistributionGroups
from mobility.domain.mirror import TooManyRemovals
from mobility.testing import MemoryLog
from tests.directory.doubles import (
    GROUPS,
    SECRET,
    SERVICE,
    MemoryServers,
    done,
    found,
    group,
    person,
    settings,
)
from tests.directory.test_connection import started
from tests.domain.doubles import MemoryLedger

ANN, BEN = person("ann")[0], person("ben")[0]
URIS = {folded_dn(ANN): "sip:ann@example.test", folded_dn(BEN): "sip:ben@example.test"}
NEWER = "20260101130000Z"


class GroupReplicationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog()
        self.memory = MemoryServers(self.clock)
        self.one, self.two = self.memory.one, self.memory.two
        self.groups = DistributionGroups(MemoryLedger())
        self.settings = settings(group_base=GROUPS)
        servers = Servers(self.settings, self.memory, self.clock.seconds, self.log)
        self.replication = GroupReplication(
            self.settings,
            Searches(servers, SERVICE, SECRET),
            Mapping(self.settings, ("example.test",)),
            self.groups,
            self.log,
        )
        self.now = 1_000_000.0

    def have(self, *entries: Any) -> None:
        self.one.entries = self.two.entries = list(entries)

    def read(self, after_s: float = 60) -> None:
        self.now += after_s
        self.successResultOf(started(self.replication.due(self.now, URIS)))

    def members(self, name: str) -> list[str] | None:
        known = self.groups.find(f"sip:{name}@lists.test")
        return None if known is None else known.members.split()

    def told(self) -> list[str]:
        return [str(f["kind"]) for name, f in self.log.events if name == "directory.groups_synced"]

    def test_members(self) -> None:
        """Members are found by the names of their entries, however these are written."""
        self.have(
            group("all", ANN.upper(), BEN.replace(",", ", "), "uid=gone,dc=test", ANN),
            group("both", f"cn=all,{GROUPS}", BEN),
            group("secret", ANN, mail=""),
        )
        self.read()
        self.assertEqual(self.members("all"), ["sip:ann@example.test", "sip:ben@example.test"])
        self.assertEqual(self.members("both"), ["sip:all@lists.test", "sip:ben@example.test"])
        self.assertEqual(len(self.groups), 3)
        known = self.groups.find("sip:all@lists.test")
        self.assertEqual(known and known.name, "All")

    def test_without_mail(self) -> None:
        """A group without an address is known by its name, nested ones too; people see neither it
        among the groups nor in them."""
        secret = f"cn=secret,{GROUPS}"
        self.have(group("secret", ANN, mail=""), group("all", BEN, secret))
        self.read()
        hidden = self.groups.find(uri_of_name(secret.upper()))
        assert hidden is not None
        self.assertEqual(("Secret", "sip:ann@example.test"), (hidden.name, hidden.members))
        self.assertEqual([], self.groups.search("secret"))
        shown = self.groups.find("sip:all@lists.test")
        assert shown is not None
        self.assertEqual((["sip:ben@example.test"], []), self.groups.expand(shown))
        self.assertEqual([hidden], self.groups.expand(shown, hidden=True)[1])

    def test_given_mail(self) -> None:
        """A group that is given an address stays known by its name, too."""
        self.have(group("secret", ANN, mail=""))
        self.read()
        self.one.changed = [group("secret", ANN, modifyTimestamp=NEWER)]
        self.read()
        name = uri_of_name(f"cn=secret,{GROUPS}")
        known = self.groups.find(name)
        self.assertEqual("sip:secret@lists.test", known.uri if known is not None else "")
        self.assertEqual(1, len(self.groups))
        self.one.changed = [group("secret", ANN, mail="", modifyTimestamp=NEWER)]
        self.read()
        known = self.groups.find(name)
        self.assertEqual((name, 1), (known.uri if known is not None else "", len(self.groups)))

    def test_changes(self) -> None:
        """Between full replications only what changed is read, and told only if it did."""
        self.have(group("all", ANN))
        self.read()
        self.one.changed = [group("all", ANN)]
        self.read()
        self.one.changed = [
            group("all", f"cn=new,{GROUPS}"),
            group("new", BEN, modifyTimestamp=NEWER),
        ]
        self.read()
        self.assertEqual(self.members("all"), ["sip:new@lists.test"])
        self.assertEqual(self.told(), ["full", "changes"])

    def test_brake(self) -> None:
        """More groups than the share are not removed."""
        self.have(group("all", ANN), group("few", BEN))
        self.read()
        self.have()
        self.now += self.settings.full_sync_interval_s
        failed = started(self.replication.due(self.now, URIS))
        self.failureResultOf(failed, TooManyRemovals)
        self.assertEqual(len(self.groups), 2)

    def test_gone(self) -> None:
        """A group that is gone goes with the next full replication."""
        self.have(group("all", ANN), group("few", BEN))
        self.read()
        self.have(group("all", ANN))
        self.read(self.settings.full_sync_interval_s)
        self.assertEqual((self.members("few"), len(self.groups)), (None, 1))

    def test_other_server(self) -> None:
        """Another server counts changes in its own way: everything is read from it."""
        self.have(group("all", ANN))
        self.read()
        self.one.stop()
        self.read()
        self.assertEqual(self.two.marks, ["20260101120000Z", ""])

    def ranges(self, *further: dict[str, list[bytes | str]]) -> None:
        """Let the server give the members of a group in parts (MS-ADTS §3.1.1.3.1.3.3)."""
        dn, attributes = group("all")
        attributes.pop("member")
        self.have((dn, {**attributes, "member;range=0-0": [ANN]}))
        left = list(further)
        self.asked: list[list[bytes]] = []

        def script(number: int, request: Any) -> bytes | None:
            base = isinstance(request, pureldap.LDAPSearchRequest) and request.scope == 0
            if not base:
                return self.one.answer(number, request)
            self.asked.append(request.attributes)
            return found(number, dn, left.pop(0)) + done(number)

        self.one.script = script

    def test_ranges(self) -> None:
        """Of large groups all parts are read."""
        self.ranges({"member;range=1-1": [BEN]}, {"member;range=2-*": [ANN]})
        self.read()
        self.assertEqual(self.members("all"), ["sip:ann@example.test", "sip:ben@example.test"])
        self.assertEqual(self.asked, [[b"member;range=1-*"], [b"member;range=2-*"]])

    def test_endless_ranges(self) -> None:
        """A server that gives no further part, again and again, is at fault."""
        self.ranges({"member;range=1-1": []})
        failed = started(self.replication.due(self.now, URIS))
        self.assertIn("no further members", str(self.failureResultOf(failed, DirectoryFault).value))
