"""The operator API of users, over a real site in memory."""

from functools import partial
from typing import Any
from urllib.parse import quote

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mobility.auth.passwords import Hashing, Passwords, digest_hashes
from mobility.domain.records import User
from mobility.domain.topology import Branch, Topology
from mobility.domain.users import Users
from mobility.errors import PeerFault
from mobility.http.message import Site
from mobility.operate.access import OperatorAccess
from mobility.operate.profile import RULES, applied, check, shown
from mobility.operate.users import PATH, UserAdministration, routes
from mobility.testing import MemoryClient, MemoryLog, MemoryResponse, memory_site
from tests.domain.doubles import MemoryLedger

KEY = "k" * 43
CHEAP = Hashing(memory_kib=8, time_cost=1)
ALICE = "sip:alice@example.test"


class ApiTestCase(TestCase):
    """A test that talks to the operator API of a directory in memory."""

    def setUp(self) -> None:
        self.users = Users(MemoryLedger())
        self.log = MemoryLog()
        passwords = Passwords(1, reactor, CHEAP)
        passwords.startService()
        self.addCleanup(passwords.stopService)
        administration = UserAdministration(
            self.users,
            passwords,
            ["example.test"],
            self.log,
            lambda uri: f"~{uri}",
            directories=["ldap"],
            topology=Topology(
                "fe.example.test", branches=(Branch("sba.example.test"), Branch("sbb.example.test"))
            ),
        )
        site = memory_site(
            routes(administration, OperatorAccess(KEY)),
            clock=Clock(),
            site=Site("operator", secure=True),
        )
        self.client = MemoryClient(site)

    async def ask(
        self, method: str, path: str = "", body: object = None, key: str = KEY
    ) -> MemoryResponse:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return await self.client.request(method, PATH + path, headers=headers, json=body)

    async def add(self, uri: str = ALICE, **fields: object) -> MemoryResponse:
        return await self.ask("POST", body={"uri": uri, "password": "secret", **fields})

    def alice(self) -> User:
        user = self.users.find(ALICE)
        self.assertIsNotNone(user)
        return user if user is not None else User("", "")

    def wrong(self, response: MemoryResponse) -> dict[str, str]:
        """The parameters that a 400 names, with the reasons."""
        self.assertEqual(400, response.status)
        error = response.json()
        self.assertEqual("ParameterValidationFailure", error["subcode"])
        return {one["name"]: one["reason"] for one in error["parameters"]}


class AccessTests(ApiTestCase):
    """Who may ask."""

    async def test_secret(self) -> None:
        """Without the operator's secret there is a 401 with a challenge, on every route."""
        for method, path in (
            ("GET", ""),
            ("POST", ""),
            ("GET", "/x"),
            ("PATCH", "/x"),
            ("DELETE", "/x"),
        ):
            for key in ("", "x", KEY[:-1], KEY + "k"):
                response = await self.ask(method, path, key=key)
                self.assertEqual(401, response.status)
                self.assertTrue(response.header("WWW-Authenticate"))

    async def test_json(self) -> None:
        """Errors are JSON, too, for whatever a client would accept."""
        for path in (f"{PATH}/{ALICE}", "/operate/v1/nothing", "/"):
            for accept in ("application/xml", "text/html", "text/html;q=0.9, application/xml"):
                headers = {"Authorization": f"Bearer {KEY}", "Accept": accept}
                response = await self.client.request("GET", path, headers=headers)
                self.assertEqual(404, response.status)
                self.assertEqual("NotFound", response.json()["code"])

    async def test_strange_header(self) -> None:
        """An Authorization header of any bytes is only wrong."""
        headers = {"Authorization": "Bearer \xff\xfe"}
        response = await self.client.request("GET", PATH, headers=headers)
        self.assertEqual(401, response.status)


class AddTests(ApiTestCase):
    """POST."""

    async def test_added(self) -> None:
        """A new user has a password hash, no digest hashes, and the name before the @."""
        response = await self.add("Alice@Example.Test", work_phone="+14255550101", home="none")
        self.assertEqual(201, response.status)
        user = self.alice()
        self.assertTrue(CHEAP.verify(user.password_hash, "secret").matched)
        self.assertEqual(("alice", "+14255550101"), (user.name, user.work_phone))
        self.assertEqual(("none", "", 1), (user.home, user.sip_ha1_md5, user.credential_version))
        self.assertEqual(shown(user), response.json())

    async def test_digest(self) -> None:
        """With SIP digest both digest hashes are kept, and none is ever shown."""
        response = await self.add(sip_digest=True)
        hashes = digest_hashes(ALICE, "secret")
        self.assertEqual(hashes.md5, self.alice().sip_ha1_md5)
        self.assertEqual(hashes.sha256, self.alice().sip_ha1_sha256)
        self.assertIs(True, response.json()["sip_digest"])
        for secret in (hashes.md5, hashes.sha256, self.alice().password_hash, "secret"):
            self.assertNotIn(secret, response.body.decode())

    async def test_taken(self) -> None:
        """A URI that is taken is a conflict, and the user stays as it is."""
        await self.add()
        before = self.alice()
        response = await self.add(name="Other")
        self.assertEqual((409, "AlreadyExists"), (response.status, response.json()["subcode"]))
        self.assertEqual(before, self.alice())

    async def test_uri(self) -> None:
        """The URI must be a SIP URI in a domain of this system."""
        for uri, reason in (
            ("alice", "must be a SIP URI"),
            (None, "must be a SIP URI"),
            (["x"], "must be a SIP URI"),
            ("sip:alice@other.test", "SIP domain of this system: example.test"),
        ):
            response = await self.ask("POST", body={"uri": uri, "password": "x"})
            self.assertIn(reason, self.wrong(response)["uri"])

    async def test_password(self) -> None:
        """A password must be there and be one."""
        response = await self.ask("POST", body={"uri": ALICE})
        self.assertEqual({"password": "is missing"}, self.wrong(response))
        for password in ("", "x" * 2000, "a\nb", 7):
            response = await self.ask("POST", body={"uri": ALICE, "password": password})
            self.assertEqual(["password"], list(self.wrong(response)))
        self.assertEqual(0, len(self.users))

    async def test_all_wrong_at_once(self) -> None:
        """Every wrong field is named."""
        response = await self.add(name="", email="x", work_phone="1", enabled="no", colour="red")
        self.assertEqual(
            {"name", "email", "work_phone", "enabled", "colour"}, set(self.wrong(response))
        )

    async def test_no_object(self) -> None:
        """A body that is no JSON object is refused."""
        for body in (b"", b"[]", b"{", b"\xff", b"[" * 10_000):
            response = await self.client.request(
                "POST", PATH, headers={"Authorization": f"Bearer {KEY}"}, body=body
            )
            self.assertEqual(400, response.status)
            self.assertEqual("DeserializationFailure", response.json()["subcode"])

    async def test_logged(self) -> None:
        """The log has each change with the pseudonym, and names of fields without values."""
        await self.add()
        await self.ask("PATCH", f"/{ALICE}", {"password": "new", "name": "Al"})
        await self.ask("DELETE", f"/{ALICE}")
        self.assertEqual(
            [
                ("users.added", {"user": f"~{ALICE}"}),
                ("users.changed", {"user": f"~{ALICE}", "fields": ["name", "password"]}),
                ("users.removed", {"user": f"~{ALICE}"}),
            ],
            self.log.events,
        )


class ChangeTests(ApiTestCase):
    """PATCH, GET and DELETE of one."""

    async def change(self, **fields: object) -> MemoryResponse:
        return await self.ask("PATCH", f"/{quote(ALICE, safe='')}", fields)

    async def test_fields(self) -> None:
        """Only what is given changes."""
        await self.add(email="a@example.test")
        before = self.alice()
        response = await self.change(name="Alice", enterprise_voice=True)
        self.assertEqual(200, response.status)
        after = self.alice()
        self.assertEqual(("Alice", True), (after.name, after.enterprise_voice))
        self.assertEqual(
            (before.email, before.password_hash, before.credential_version),
            (after.email, after.password_hash, after.credential_version),
        )

    async def test_password(self) -> None:
        """A new password raises the version that voids tokens, and renews digest hashes."""
        await self.add(sip_digest=True)
        await self.change(password="new")  # a test's
        user = self.alice()
        self.assertEqual(2, user.credential_version)
        self.assertTrue(CHEAP.verify(user.password_hash, "new").matched)
        self.assertEqual(digest_hashes(ALICE, "new").md5, user.sip_ha1_md5)

    async def test_digest(self) -> None:
        """SIP digest can be turned off at any time, and on only with the password."""
        await self.add(sip_digest=True)
        await self.change(sip_digest=False)
        self.assertEqual(("", ""), (self.alice().sip_ha1_md5, self.alice().sip_ha1_sha256))
        self.assertIn("sip_digest", self.wrong(await self.change(sip_digest=True)))
        await self.change(sip_digest=True, password="secret")  # a test's
        self.assertEqual(digest_hashes(ALICE, "secret").sha256, self.alice().sip_ha1_sha256)

    async def test_named_home(self) -> None:
        """A home may be a name of the topology, in any case; a wrong one is told with the
        nearest."""
        self.assertEqual(201, (await self.add()).status)
        for home, told, stored in (
            ("SBA.example.test", "sba.example.test", "pool:sba.example.test"),
            ("FE.example.test", "here", ""),
        ):
            self.assertEqual(told, (await self.change(home=home)).json()["home"])
            self.assertEqual(stored, self.alice().home)
        response = await self.change(home="sbc.example.test")
        (wrong,) = response.json()["parameters"]
        self.assertEqual(("home", True), (wrong["name"], "example.test meant?" in wrong["reason"]))

    async def test_told(self) -> None:
        """A wrong value is told with its key, itself and the rule; a wrong key with the nearest.
        Passwords and telephone numbers are not repeated."""
        await self.add()
        response = await self.change(
            emial="x", email="no mail", mobile_phone="0190", password=["xx"]
        )
        reasons = {one["name"]: one["reason"] for one in response.json()["parameters"]}
        self.assertEqual("is not a field of a user; is email meant?", reasons["emial"])
        self.assertTrue(reasons["email"].startswith("is 'no mail', must be"), reasons)
        self.assertNotIn("0190", reasons["mobile_phone"])
        self.assertNotIn("xx", reasons["password"])

    async def test_home(self) -> None:
        """A home is here, nowhere, or another pool's URL."""
        await self.add()
        url = "https://other.test/Autodiscover/AutodiscoverService.svc/root"
        for home, stored in ((url, url), ("none", "none"), ("here", "")):
            self.assertEqual(home, (await self.change(home=home)).json()["home"])
            self.assertEqual(stored, self.alice().home)

    async def test_stranger(self) -> None:
        """Somebody who is not there is not found."""
        for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
            response = await self.ask(method, "/sip:nobody@example.test", body)
            self.assertEqual(404, response.status)

    async def test_any_spelling(self) -> None:
        """A user is found under any spelling of the URI."""
        await self.add()
        response = await self.ask("GET", "/ALICE@EXAMPLE.test")
        self.assertEqual(ALICE, response.json()["uri"])

    async def test_removed(self) -> None:
        """A removed user is gone."""
        await self.add()
        response = await self.ask("DELETE", f"/{ALICE}")
        self.assertEqual((204, b""), (response.status, response.body))
        self.assertIsNone(self.users.find(ALICE))


class DirectoryTests(ApiTestCase):
    """Users that a directory keeps."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        super().setUp()
        await self.users.add(User(ALICE, "Alice", source="ldap", source_id="1"))

    async def test_kept(self) -> None:
        """What the directory keeps is refused, each field by name, and nothing is changed."""
        fields = {"title": "Boss", "enabled": False, "password": "secret", "sip_digest": True}
        refused = await self.ask("PATCH", f"/{ALICE}", {**fields, "site": "Oslo"})
        self.assertEqual(refused.status, 400)
        wrong = {one["name"]: one["reason"] for one in refused.json()["parameters"]}
        rule = "is kept by the directory (ldap): change it there"
        self.assertEqual(wrong, dict.fromkeys(fields, rule))
        self.assertEqual(self.alice().site, "")

    async def test_own(self) -> None:
        """What it does not keep may be set; where the user comes from is shown."""
        changed = await self.ask("PATCH", f"/{ALICE}", {"site": "Oslo", "enterprise_voice": True})
        self.assertEqual(changed.status, 200)
        shown = changed.json()
        self.assertEqual((shown["site"], shown["source"]), ("Oslo", "ldap"))
        self.assertEqual((await self.add("sip:bob@example.test")).json()["source"], "local")

    async def test_remove(self) -> None:
        """It is removed only when it is gone from the directory, which has disabled it here."""
        refused = await self.ask("DELETE", f"/{ALICE}")
        self.assertEqual((refused.status, refused.json()["code"]), (409, "Conflict"))
        await self.users.update(ALICE, partial(attrs.evolve, enabled=False), 0.0)
        self.assertEqual((await self.ask("DELETE", f"/{ALICE}")).status, 204)

    async def test_of_a_former_directory(self) -> None:
        """A user of a directory that is not configured any more is the operators' again."""
        bob = "sip:bob@example.test"
        await self.users.add(User(bob, "Bob", source="former", source_id="1"))
        changed = await self.ask("PATCH", f"/{bob}", {"title": "Boss", "password": "secret"})
        self.assertEqual(changed.status, 200)
        self.assertEqual((await self.ask("DELETE", f"/{bob}")).status, 204)


class ListTests(ApiTestCase):
    """GET of all."""

    async def test_pages(self) -> None:
        """Pages come in the order of URIs and go on after the one named."""
        for name in ("c", "a", "b"):
            await self.add(f"sip:{name}@example.test")
        first = (await self.ask("GET", "?limit=2")).json()["users"]
        rest = (await self.ask("GET", f"?limit=2&after={first[-1]['uri']}")).json()["users"]
        self.assertEqual(["a", "b", "c"], [one["uri"][4] for one in (*first, *rest)])

    async def test_limit(self) -> None:
        """A limit out of range is refused."""
        for limit in ("0", "1001", "-1", "x", "9" * 5000, "\u0661"):
            response = await self.ask("GET", f"?limit={quote(limit)}")
            self.assertEqual(["limit"], list(self.wrong(response)))


class RuleTests(SynchronousTestCase):
    """The rules of single fields."""

    GOOD: tuple[tuple[str, object], ...] = (
        ("work_phone", ""),
        ("mobile_phone", "+14255550123"),
        ("home_phone", "+14255550123;ext=77"),
        ("other_phone", "+123456789012345"),
        ("email", ""),
        ("email", "a@example.test"),
        ("title", ""),
        ("name", "x" * 256),
        ("home", "https://other.test:444/root"),
    )
    WRONG: tuple[tuple[str, object], ...] = (
        ("work_phone", "14255550123"),
        ("work_phone", "+1"),
        ("work_phone", "+1234567890123456"),
        ("work_phone", "+1425x"),
        ("work_phone", "+14255550123;ext="),
        ("work_phone", "+14255550123;ext=7x"),
        ("work_phone", "+\u0661\u0662\u0663"),
        ("work_phone", 14255550123),
        ("email", "a b@example.test"),
        ("email", "@example.test"),
        ("title", "a\x00"),
        ("title", "\ud800"),
        ("name", "x" * 257),
        ("name", ""),
        ("name", None),
        ("home", ""),
        ("home", "http://other.test/"),
        ("home", "https://[x"),
        ("home", "https://other.test/\n"),
        ("home", 1),
        ("enabled", 1),
        ("enabled", None),
        ("uri", ALICE),
    )

    def test_good(self) -> None:
        """These keep the rules."""
        for name, value in self.GOOD:
            check({name: value})

    def test_wrong(self) -> None:
        """These do not."""
        for name, value in self.WRONG:
            with self.subTest(name=name, value=value):
                fault = self.assertRaises(PeerFault, check, {name: value})
                self.assertEqual([name], [one.name for one in fault.parameters])

    VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.text()))

    @settings(max_examples=300)
    @given(st.dictionaries(st.sampled_from([*RULES, "x"]), VALUES))
    def test_any(self, values: dict[str, Any]) -> None:
        """Whatever is given is refused or becomes a record that shows the same values."""
        try:
            check(values)
        except PeerFault:
            return
        view = shown(applied(User(ALICE, "alice"), values))
        for name, value in values.items():
            if name not in ("password", "sip_digest"):
                self.assertEqual(value, view[name])
