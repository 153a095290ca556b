"""OpenLDAP's slapd as the directory of a front end, over TLS."""

import json
import sqlite3
from contextlib import closing
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mobility.pki import PRIVATE, write
from tests.interop.child import RETRY_S, free_port
from tests.interop.front_end_process import FrontEndProcess, command
from tests.interop.phone import Phone, Reply
from tests.interop.slapd import (
    GROUPS,
    PASSWORD,
    PEOPLE,
    SECRET,
    SERVICE,
    Slapd,
    organisation,
    people,
)

NUMBER = 300
"""People in the directory."""

SETTINGS = """
[directory.ldap]
servers = [{servers}]
ca_file = "{ca}"
schema = "inetorgperson"
bind_dn = "{service}"
bind_password_file = "ldap.password"
user_base = "{people}"
group_base = "{groups}"
page_size = 50
sync_interval_s = 1
full_sync_interval_s = {full_s}
server_retry_s = 1
operation_timeout_s = 5
"""


class SlapdTestCase(TestCase):
    """A directory, and a front end that replicates it."""

    timeout = 300

    async def setUp(self) -> None:
        self.slapd = Slapd(Path(self.mktemp()))
        await self.slapd.load(organisation(NUMBER))
        await self.slapd.start()
        self.addCleanup(self.slapd.stop)
        self.process = FrontEndProcess(Path(self.mktemp()))

    def configure(
        self, *urls: str, ca: Path | None = None, full_s: int = 3600, more: str = ""
    ) -> None:
        """Write the settings of the directory."""
        text = SETTINGS.format(
            servers=", ".join(f'"{url}"' for url in urls or (self.ldaps,)),
            ca=ca or self.slapd.ca,
            service=SERVICE,
            people=PEOPLE,
            groups=GROUPS,
            full_s=full_s,
        )
        with open(self.process.config, "a") as file:
            file.write(text + more)
        write(self.process.directory / "ldap.password", f"{SECRET}\n".encode(), mode=PRIVATE)

    @property
    def ldaps(self) -> str:
        return f"ldaps://localhost:{self.slapd.tls}"

    async def start(self) -> None:
        await self.process.run_for(self)

    async def replicated(self) -> None:
        """Start the front end and wait until it knows everybody."""
        await self.start()
        line = await self.process.logged("directory.synced", kind="full")
        self.assertEqual((line["users"], line["added"], line["clashes"]), (NUMBER, NUMBER, 0))

    def phone(self, user: str) -> Phone:
        return Phone(self.process.client(self), self.process.external, user)

    async def token(self, user: str, password: str = PASSWORD) -> Reply:
        """The answer to a token request."""
        form = {"grant_type": "password", "username": f"{user}@example.test", "password": password}
        return await self.phone(user).request("POST", "/WebTicket/oauthtoken", data=form)

    async def names(self, phone: Phone, query: str) -> list[str]:
        """The names of the people whom a search finds."""
        found = await phone.expect(200, "GET", f"{phone.links['search']}?query={quote(query)}")
        return [one["name"] for one in found.document["_embedded"].get("contact", [])]


class ReplicationTests(SlapdTestCase):
    """What the directory has, the front end has."""

    async def test_sign_in(self) -> None:
        """The password is the directory's; a wrong one and none at all are refused alike."""
        self.configure()
        await self.replicated()
        self.assertEqual((await self.token("user7")).status, 200)
        for password in ("wrong", PASSWORD.upper(), "x" * 1025):
            refused = await self.token("user8", password)
            self.assertEqual((refused.status, refused.document["error"]), (400, "invalid_grant"))
        empty = await self.token("user7", "")
        self.assertEqual((empty.status, empty.document["error"]), (400, "invalid_request"))
        nobody = await self.token("nobody")
        self.assertEqual((nobody.status, nobody.document["error"]), (400, "invalid_grant"))
        self.assertEqual((await self.token("alice")).status, 200, "a local user still may")

    async def test_search(self) -> None:
        """People are found by names of any script, and shown with what the directory says."""
        self.configure()
        await self.replicated()
        phone = self.phone("user7")
        await phone.sign_in(available=False)
        for person in people(7):
            self.assertIn(person.name, await self.names(phone, person.name))
        self.assertEqual(await self.names(phone, "佐藤 20"), ["민준 佐藤 20"])
        href = f"{phone.links['application']}/people/user20@example.test"
        shown = await phone.expect(200, "GET", href)
        self.assertEqual(shown.document["workPhoneNumber"], "tel:+8225551020")
        self.assertEqual(shown.document["title"], "Engineer")

    async def test_photo(self) -> None:
        """Photos are the directory's; who has none there has none here."""
        self.configure()
        await self.replicated()
        phone = self.phone("user7")
        await phone.sign_in(available=False)
        photos = f"{phone.links['application']}/photos"
        for _ in range(2):
            shown = await phone.expect(200, "GET", f"{photos}/user20@example.test")
            self.assertEqual(shown.header("Content-Type"), "image/jpeg")
            self.assertEqual(Image.open(BytesIO(shown.body)).size, (48, 48))
        await phone.expect(404, "GET", f"{photos}/user21@example.test")

    async def groups(self) -> dict[str, list[str]]:
        """The members of each group, as the front end has stored them."""
        database = self.process.directory / "data" / "mobility.sqlite"
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT uri, members FROM distribution_groups").fetchall()
        return {uri: members.split() for uri, members in rows}

    async def test_groups(self) -> None:
        """Groups are distribution groups; members are people and groups, and nobody else."""
        self.configure()
        await self.replicated()
        line = await self.process.logged("directory.groups_synced", kind="full")
        self.assertEqual((line["groups"], line["added"], line["clashes"]), (3, 3, 0))
        groups = await self.groups()
        everybody = [f"sip:{person.uid}@example.test" for person in people(NUMBER)]
        few, nested, every = (
            f"sip:{name}@lists.example.test" for name in ("few", "nested", "everybody")
        )
        self.assertEqual(groups[every], everybody)
        self.assertEqual(groups[few], [*everybody[:3], nested])
        self.assertEqual(groups[nested], [few, every])
        await self.slapd.change(
            f"dn: cn=few,{GROUPS}\nchangetype: modify\n"
            f"replace: member\nmember: {people(10)[9].dn}\n\n"
        )
        await self.process.logged("directory.groups_synced", kind="changes", changed=1)
        self.assertEqual((await self.groups())[few], everybody[9:10])

    def ruling(self, user: str) -> str:
        """The mobility policy that rules a user of the running front end."""
        config = ("--config", str(self.process.config))
        result = command("policy", "get", "--user", user, "--json", *config)
        self.assertEqual(0, result.returncode, result.stderr)
        name: str = json.loads(result.stdout)["name"]
        return name

    async def test_group_policy(self) -> None:
        """Members of a group of the directory have its policy, by way of other groups too, for as
        long as the directory has them in it."""
        self.configure()
        await self.replicated()
        await self.process.logged("directory.groups_synced", kind="full")
        config = ("--config", str(self.process.config))
        few = "sip:few@lists.example.test"
        for words in (("new", "Sales", "EncryptAppData=false"), ("grant-group", few, "Sales")):
            self.assertEqual(0, command("policy", *words, *config).returncode)
        first, ninth = (f"sip:{people(10)[place].uid}@example.test" for place in (0, 9))
        self.assertEqual(["tag:Sales"] * 2, [self.ruling(first), self.ruling(ninth)])
        await self.slapd.change(
            f"dn: cn=few,{GROUPS}\nchangetype: modify\n"
            f"replace: member\nmember: {people(10)[9].dn}\n\n"
        )
        await self.process.logged("directory.groups_synced", kind="changes", changed=1)
        self.assertEqual(["global", "tag:Sales"], [self.ruling(first), self.ruling(ninth)])

    async def test_policy_of_group_without_mail(self) -> None:
        """A group without a mail address gives its members a policy, named by its distinguished
        name or its name alone; people do not find it."""
        self.configure()
        member = people(4)[3]
        await self.slapd.change(
            f"dn: cn=Mobile Users,{GROUPS}\nchangetype: add\nobjectClass: groupOfNames\n"
            f"cn: Mobile Users\nmember: {member.dn}\n\n"
        )
        await self.replicated()
        await self.process.logged("directory.groups_synced", kind="full")
        config = ("--config", str(self.process.config))
        self.assertEqual(0, command("policy", "new", "Mobile", *config).returncode)
        user = f"sip:{member.uid}@example.test"
        for name in (f"CN=mobile users, {GROUPS}", "mobile users"):
            granted = command("policy", "grant-group", name, "Mobile", *config)
            self.assertEqual(0, granted.returncode, granted.stderr)
            self.assertEqual("tag:Mobile", self.ruling(user))
            self.assertEqual("global", self.ruling(f"sip:{people(1)[0].uid}@example.test"))
            self.assertEqual(0, command("policy", "grant-group", name, "", *config).returncode)
            self.assertEqual("global", self.ruling(user))
        refused = command("policy", "grant-group", "mobile user", "Mobile", *config)
        self.assertEqual(2, refused.returncode)
        self.assertIn("is Mobile Users meant?", refused.stderr)
        phone = self.phone("user7")
        await phone.sign_in(available=False)
        found = await phone.expect(200, "GET", f"{phone.links['search']}?query=mobile")
        groups = found.document["_embedded"]["distributionGroup"]
        self.assertEqual([], groups)

    async def test_changes(self) -> None:
        """A change is seen before the next full replication, and one that is none is not told."""
        self.configure()
        await self.replicated()
        await self.slapd.replace(people(1)[0], "title", "사장")
        line = await self.process.logged("directory.synced", kind="changes")
        self.assertEqual((line["changed"], line["added"], line["disabled"]), (1, 0, 0))

    async def test_removed(self) -> None:
        """Who is removed from the directory is signed out."""
        self.configure(full_s=1)
        await self.replicated()
        phone = self.phone("user7")
        await phone.sign_in()
        await self.slapd.remove(people(8)[7])
        await self.process.logged("directory.synced", disabled=1)
        self.assertEqual((await phone.request("GET", phone.links["application"])).status, 401)
        self.assertEqual((await self.token("user7")).status, 400)

    async def test_brake(self) -> None:
        """When a fifth of all users seems to be gone, nobody is touched."""
        self.configure(full_s=1)
        await self.replicated()
        await self.process.child.stop()  # it would see how one after another goes
        await self.slapd.remove(*people(NUMBER)[: NUMBER // 5 + 1])
        await self.start()
        line = await self.process.logged("directory.sync_refused")
        self.assertEqual((line["removals"], line["known"]), (NUMBER // 5 + 1, NUMBER))
        self.assertEqual(self.process.events("directory.synced", disabled=NUMBER // 5 + 1), [])
        self.assertEqual((await self.token("user299")).status, 200)
        config = f"--config={self.process.config}"
        refused = await deferToThread(command, "directory", "sync", config)
        self.assertIn("61 of 300 users would go; nothing was changed", refused.stderr)
        forced = await deferToThread(command, "directory", "sync", "--force", config)
        self.assertEqual(forced.stdout, "added 0, changed 0, disabled 61\n", forced.stderr)

    async def test_command(self) -> None:
        """`mobility directory test` says what each server shows, and which cannot be used."""
        self.configure(self.ldaps, f"ldap://localhost:{free_port()}")
        tried = await deferToThread(command, "directory", "test", f"--config={self.process.config}")
        self.assertEqual((tried.returncode, tried.stderr), (1, ""))
        lines = tried.stdout.splitlines()
        self.assertEqual(lines[0], f"{self.ldaps}: good")
        self.assertEqual(lines[1], f"  {NUMBER} users, 0 of them disabled")
        self.assertEqual(lines[2], "  3 groups")
        self.assertIn("cannot be reached", lines[-1])

    async def test_administration(self) -> None:
        """Operators see where a user comes from and cannot change what the directory keeps."""
        self.configure()
        await self.replicated()
        config = f"--config={self.process.config}"
        refused = await deferToThread(
            command, "user", "set", "sip:user1@example.test", "--title=Boss", config
        )
        self.assertEqual(refused.returncode, 2)
        self.assertIn("title is kept by the directory (ldap): change it there", refused.stderr)


class OutageTests(SlapdTestCase):
    """A directory that is away."""

    async def test_stop_and_start(self) -> None:
        """Without the directory nobody of it signs in, but all else goes on; then all is well."""
        self.configure()
        await self.replicated()
        phone = self.phone("user7")
        await phone.sign_in()
        await self.slapd.stop()
        refused = await self.token("user7")
        self.assertEqual((refused.status, refused.document["error"]), (503, "server_error"))
        self.assertGreater(int(refused.header("Retry-After")), 0)
        self.assertEqual((await self.token("alice")).status, 200, "local users still may")
        self.assertEqual(await self.names(phone, "佐藤 20"), ["민준 佐藤 20"])
        await self.process.logged("directory.server_down")
        await self.slapd.start()
        while (await self.token("user7")).status != 200:
            await deferLater(reactor, RETRY_S)
        await self.process.logged("directory.server_up")

    async def test_restart_without_it(self) -> None:
        """What was replicated is there after a restart, also without the directory."""
        self.configure()
        await self.replicated()
        await self.process.child.stop()
        await self.slapd.stop()
        await self.start()
        self.assertEqual((await self.token("user7")).status, 503)
        phone = self.phone("alice")
        await phone.sign_in(available=False)
        self.assertEqual(await self.names(phone, "佐藤 20"), ["민준 佐藤 20"])

    async def test_next_server(self) -> None:
        """The next server is asked when the first is away."""
        self.configure(f"ldaps://localhost:{free_port()}", self.ldaps)
        await self.replicated()
        self.assertEqual((await self.token("user7")).status, 200)


class TlsTests(SlapdTestCase):
    """Who the server is."""

    async def test_start_tls(self) -> None:
        """A server without TLS of its own is asked for it first."""
        self.configure(f"ldap://localhost:{self.slapd.plain}")
        await self.replicated()
        self.assertEqual((await self.token("user7")).status, 200)

    async def refused(self, *urls: str, ca: Path | None = None) -> str:
        """The reason why a front end with these settings does not use the server."""
        self.configure(*urls, ca=ca)
        await self.start()
        line = await self.process.logged("directory.server_down")
        self.assertEqual((await self.token("user7")).status, 503)
        self.assertEqual(self.process.events("directory.synced"), [])
        return line["reason"]

    async def test_other_authority(self) -> None:
        """A certificate of an authority that is not trusted ends the connection before the bind."""
        reason = await self.refused(ca=self.process.ca)
        self.assertIn("certificate verify failed", reason)

    async def test_other_authority_with_start_tls(self) -> None:
        """So it does with StartTLS."""
        reason = await self.refused(f"ldap://localhost:{self.slapd.plain}", ca=self.process.ca)
        self.assertIn("certificate verify failed", reason)

    async def test_other_name(self) -> None:
        """So does a certificate of another name."""
        reason = await self.refused(f"ldaps://127.0.0.1:{self.slapd.tls}")
        self.assertIn("the certificate is not one of this host", reason)
