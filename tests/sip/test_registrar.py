"""Phones register, are challenged, renew, and go."""

import hashlib

import attrs
from twisted.internet.defer import Deferred

from mobility.auth.lockout import Lockout
from mobility.auth.passwords import digest_hashes
from mobility.config import SipConfig
from mobility.domain.agenda import Agenda
from mobility.domain.bindings import Bindings
from mobility.domain.devices import Devices
from mobility.domain.records import Binding, PushSubscription, User
from mobility.domain.users import Users
from mobility.sip.admission import Admission
from mobility.sip.grammar import unquote
from mobility.sip.gruu import Gruus
from mobility.sip.headers import Authorisation, NameAddr
from mobility.sip.message import Request, Response
from mobility.sip.refusal import SipRefusal
from mobility.sip.registrar import Registrar
from mobility.sip.uri import parse_uri
from tests.domain.doubles import MemoryLedger
from tests.sip.samples import request
from tests.sip.test_core import CoreTestCase, Wire

DOMAIN = "example.test"
PASSWORD = "correct horse battery staple"


def person(name: str, *, digest: bool = True) -> User:
    hashes = digest_hashes(f"sip:{name}@{DOMAIN}", PASSWORD)
    return User(
        uri=f"sip:{name}@{DOMAIN}",
        name=name.capitalize(),
        sip_ha1_md5=hashes.md5 if digest else "",
        sip_ha1_sha256=hashes.sha256 if digest else "",
    )


class RegistrarTestCase(CoreTestCase):
    """A registrar with alice, bob, and carol who may not use SIP."""

    settings = SipConfig(contacts_per_user=3, trusted_peers=("proxy.example.test",))

    def setUp(self) -> None:
        super().setUp()
        self.agenda = Agenda()
        self.ledger = MemoryLedger()
        people = [person("alice"), person("bob"), person("carol", digest=False)]
        self.users = Users(self.ledger, people)
        self.bindings = Bindings(self.ledger, self.agenda)
        self.changed: list[str] = []
        self.bindings.changes.append(self.changed.append)
        self.lockout = Lockout(3, 1.0, 60.0)
        admission = Admission(
            self.users,
            [DOMAIN],
            self.settings,
            self.lockout,
            b"secret",
            self.random,
            self.clock.seconds,
            self.log,
            lambda uri: "pseudonym",
        )
        self.devices = Devices(MemoryLedger(), 90 * 86_400.0, 16)
        self.gruus = Gruus(
            self.users, self.bindings, [DOMAIN], b"secret", self.random, self.clock.seconds
        )
        self.registrar = Registrar(
            self.users,
            self.bindings,
            admission,
            self.settings,
            self.clock.seconds,
            self.devices,
            self.gruus,
        )
        self.core.serve("REGISTER", self.registrar.register)
        self.number = 0

    def register(self, *lines: str, name: str = "alice", call: str = "c") -> Request:
        """A REGISTER without credentials."""
        self.number += 1
        return request(
            "\n".join(
                (
                    f"REGISTER sip:{DOMAIN} SIP/2.0",
                    f"Via: SIP/2.0/TLS 192.0.2.7:5061;branch=z9hG4bK{self.number}",
                    f"From: <sip:{name}@{DOMAIN}>;tag=1",
                    f"To: <sip:{name}@{DOMAIN}>",
                    f"Call-ID: {call}",
                    f"CSeq: {self.number} REGISTER",
                    *lines,
                )
            )
        )

    def ask(self, message: Request, wire: Wire | None = None) -> Response:
        wire = wire or self.wire
        self.come(message, wire)
        return wire.sent[-1]

    def signed(
        self,
        *lines: str,
        name: str = "alice",
        password: str = PASSWORD,
        call: str = "c",
        algorithm: str = "SHA-256",
        wire: Wire | None = None,
    ) -> Response:
        """Register as a phone does: once without credentials, and again with them."""
        challenged = self.ask(self.register(*lines, name=name, call=call), wire)
        self.assertEqual(challenged.status, 401)
        for value in challenged.fields["WWW-Authenticate"]:
            given = Authorisation.parse(value).parameters
            if given["algorithm"] == algorithm:
                break
        digest = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]

        def h(text: str) -> str:
            return digest(text.encode()).hexdigest()

        uri = f"sip:{DOMAIN}"
        one, two = h(f"{name}:{DOMAIN}:{password}"), h(f"REGISTER:{uri}")
        answer = h(f"{one}:{given['nonce']}:00000001:c:auth:{two}")
        credentials = (
            f'Authorization: Digest username="{name}", realm="{DOMAIN}", nonce="{given["nonce"]}", '
            f'uri="{uri}", response="{answer}", algorithm={algorithm}, cnonce="c", nc=00000001, '
            "qop=auth"
        )
        return self.ask(self.register(*lines, credentials, name=name, call=call), wire)

    def contacts(self, name: str = "alice") -> list[str]:
        now = self.clock.seconds()
        return sorted(one.contact for one in self.bindings.of(f"sip:{name}@{DOMAIN}", now))

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for action in self.agenda.due(self.clock.seconds()):
            self.successResultOf(Deferred.fromCoroutine(action(self.clock.seconds())))


class PushTests(RegistrarTestCase):
    """Phones that say how they are woken (RFC 8599)."""

    APNS = "pn-provider=apns;pn-param=TEAM1.org.example.phone.voip;pn-prid=" + "0a" * 32
    FCM = "pn-provider=fcm;pn-param=project-1;pn-prid=" + "t" * 40

    def known(self, name: str = "alice") -> list[PushSubscription]:
        return self.devices.of(f"sip:{name}@{DOMAIN}", self.clock.seconds())

    def test_subscribes(self) -> None:
        """A phone that registers with its parameters is a device of its user, which outlives the
        binding; the answer says which service is served."""
        answer = self.signed(f"Contact: <sip:a@192.0.2.7;{self.APNS}>")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.fields["Feature-Caps"], ['*;+sip.pns="apns"'])
        (device,) = self.known()
        self.assertEqual((device.platform, device.app_id), ("apns", "org.example.phone"))
        self.assertEqual((device.address, device.voip_token), ("0a" * 32, "0a" * 32))
        self.pass_time(4_000)
        self.assertEqual(self.contacts(), [])
        self.assertEqual(self.known(), [device])

    def test_several_tokens(self) -> None:
        """A phone of Linphone's names a token that shows messages and one that rings."""
        remote, voip = "0a" * 32, "0B" * 32
        for topic, tokens in (
            ("remote&voip", f"{remote}:remote&{voip}:voip"),
            ("voip&remote", f"{voip}:voip&{remote}:remote"),
        ):
            parameters = f"pn-provider=apns;pn-param=TEAM1.org.example.app.{topic};pn-prid={tokens}"
            answer = self.signed(f"Contact: <sip:a@192.0.2.7;{parameters}>")
            self.assertEqual(answer.status, 200, parameters)
            (device,) = self.known()
            self.assertEqual(device.app_id, "org.example.app")
            self.assertEqual((device.address, device.voip_token), (remote, voip.lower()))

    def test_signs_out(self) -> None:
        """A phone that ends its binding is not woken any more."""
        self.signed(f"Contact: <sip:a@192.0.2.7;{self.FCM}>")
        self.assertEqual([one.app_id for one in self.known()], ["project-1"])
        self.signed(f"Contact: <sip:a@192.0.2.7;{self.FCM}>;expires=0")
        self.assertEqual(self.known(), [])

    def test_signs_out_otherwise(self) -> None:
        """So is one that ends its binding without saying how it is woken, or all bindings; another
        phone of the user is woken as before."""
        for line in ("Contact: <sip:a@192.0.2.7>;expires=0", "Contact: *"):
            self.signed(f"Contact: <sip:b@192.0.2.8;{self.APNS}>")
            self.signed(f"Contact: <sip:a@192.0.2.7;{self.FCM}>")
            self.assertEqual(len(self.known()), 2)
            self.signed(line, "Expires: 0")
            left = [] if line == "Contact: *" else ["apns"]
            self.assertEqual([one.platform for one in self.known()], left)

    def test_wants_no_more(self) -> None:
        """A phone that registers anew without a token, or without any parameter, stays bound and is
        not woken any more."""
        for parameters in (";pn-provider=fcm;pn-param=project-1", ";pn-provider=fcm", ""):
            self.signed(f"Contact: <sip:a@192.0.2.7;{self.FCM}>")
            self.assertEqual(len(self.known()), 1)
            answer = self.signed(f"Contact: <sip:a@192.0.2.7{parameters}>")
            self.assertEqual(answer.status, 200, parameters)
            self.assertEqual((len(self.contacts()), self.known()), (1, []), parameters)

    def test_another_token(self) -> None:
        """A phone that was given another token is woken by that alone."""
        same = '+sip.instance="<urn:uuid:1>"'
        for token in ("t" * 40, "u" * 40):
            parameters = f"pn-provider=fcm;pn-param=project-1;pn-prid={token}"
            self.signed(f"Contact: <sip:a@192.0.2.7;{parameters}>;{same}")
            self.assertEqual([one.address for one in self.known()], [token])

    def test_two_flows(self) -> None:
        """A phone with two flows is woken while one of them is there."""
        same = '+sip.instance="<urn:uuid:1>"'
        for number in (1, 2):
            lines = (
                f"Contact: <sip:a@192.0.2.7;{self.FCM}>;{same};reg-id={number}",
                "Supported: outbound",
            )
            self.assertEqual(self.signed(*lines, "Supported: path").status, 200)
        self.signed(f"Contact: <sip:a@192.0.2.7>;{same};reg-id=2;expires=0", "Supported: outbound")
        self.assertEqual(len(self.known()), 1)

    def test_asks(self) -> None:
        """A phone that names no service is told which there are."""
        answer = self.signed("Contact: <sip:a@192.0.2.7;pn-provider>")
        caps = ['*;+sip.pns="apns"', '*;+sip.pns="fcm"']
        self.assertEqual((answer.status, answer.fields["Feature-Caps"]), (200, caps))
        self.assertEqual(self.known(), [])

    def test_refused(self) -> None:
        """A service that is not served is 555, and parameters that cannot be right are 400;
        neither binds anything."""
        for parameters, status in (
            ("pn-provider=webpush;pn-prid=https%3A%2F%2Fpush.example.net", 555),
            ("pn-provider=pigeon", 555),
            ("pn-provider=fcm;pn-param=project;pn-prid=short", 400),
            ("pn-provider=apns;pn-param=TEAM1;pn-prid=" + "0a" * 32, 400),
            ("pn-provider=apns;pn-param=TEAM1.a.remote&voip;pn-prid=00:remote&00:voip", 400),
            ("pn-provider=apns;pn-param=TEAM1.a.remote&voip;pn-prid=&:", 400),
        ):
            answer = self.signed(f"Contact: <sip:a@192.0.2.7;{parameters}>")
            self.assertEqual(answer.status, status, parameters)
        self.assertEqual((self.contacts(), self.known()), ([], []))


class SignInTests(RegistrarTestCase):
    def test_signed(self) -> None:
        """A phone with the password registers, by either algorithm, and the row is stored."""
        for algorithm in ("MD5", "SHA-256"):
            answer = self.signed("Contact: <sip:a@192.0.2.7>", algorithm=algorithm)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.fields["Contact"], ["<sip:a@192.0.2.7>;expires=3600"])
        self.assertEqual(self.contacts(), ["sip:a@192.0.2.7"])
        self.assertEqual(self.changed, [f"sip:alice@{DOMAIN}"])

    def test_lync(self) -> None:
        """A client made for Lync is challenged as by a proxy, with MD5 alone, and looks for Expires
        in the answer; over the connection it has signed in it needs no password again."""
        event, contact = "Event: registration", "Contact: <sip:a@192.0.2.7>;proxy=replace"
        challenged = self.ask(self.register(event, contact))
        self.assertEqual(challenged.status, 407)
        (value,) = challenged.fields["Proxy-Authenticate"]
        given = Authorisation.parse(value).parameters
        self.assertEqual(given["algorithm"], "MD5")

        def h(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        one, two = h(f"alice:{DOMAIN}:{PASSWORD}"), h("REGISTER:(null)")
        answer = h(f"{one}:{given['nonce']}:00000001:c:auth:{two}")
        credentials = (
            f'Proxy-Authorization: Digest username="alice", realm="{DOMAIN}", nonce="'
            f'{given["nonce"]}", uri="(null)", response="{answer}", cnonce="c", nc=00000001, '
            "qop=auth"
        )
        signed = self.ask(self.register(event, contact, credentials))
        self.assertEqual((signed.status, signed.first("Expires")), (200, "3600"))
        self.assertEqual(self.contacts(), ["sip:a@192.0.2.7"])
        out = self.ask(self.register(event, contact, "Expires: 0"))
        self.assertEqual((out.status, out.first("Expires")), (200, "0"))
        self.assertEqual(self.contacts(), [])
        self.assertEqual(self.ask(self.register(event, contact, name="bob")).status, 407)

    def test_wrong_password(self) -> None:
        """A wrong password is challenged again and counted; after some, nothing is tried."""
        for _ in range(3):
            self.assertEqual(self.signed(password="wrong").status, 401)
        locked = self.signed()
        self.assertEqual(locked.status, 403)
        self.assertIn("Retry-After", locked.fields)
        reasons = [line["reason"] for line in self.log.named("sip.signin_failed")]
        self.assertEqual(reasons, ["password"] * 3 + ["locked"])
        self.clock.advance(60)
        self.assertEqual(self.signed().status, 200)

    def test_not_for_sip(self) -> None:
        """Users who are not enabled for SIP, strangers, and other domains do not come in."""
        self.assertEqual(self.signed(name="carol").status, 401)
        self.assertEqual(self.signed(name="dave").status, 401)
        message = self.register()
        message.set("To", "<sip:alice@elsewhere.test>")
        self.assertEqual(self.ask(message).status, 404)

    def test_another_user(self) -> None:
        """Nobody registers for somebody else."""
        message = self.register("Contact: <sip:a@192.0.2.7>")
        answer = self.signed("Contact: <sip:a@192.0.2.7>", name="bob")
        self.assertEqual(answer.status, 200)
        challenged = self.ask(message)
        given = Authorisation.parse(challenged.fields["WWW-Authenticate"][0]).parameters
        h = hashlib.sha256
        one = h(f"bob:{DOMAIN}:{PASSWORD}".encode()).hexdigest()
        two = h(b"REGISTER:sip:example.test").hexdigest()
        text = f"{one}:{given['nonce']}:00000001:c:auth:{two}"
        credentials = (
            f'Authorization: Digest username="bob", realm="{DOMAIN}", nonce="{given["nonce"]}", '
            f'uri="sip:example.test", response="{h(text.encode()).hexdigest()}", '
            'algorithm=SHA-256, cnonce="c", nc=00000001, qop=auth'
        )
        self.assertEqual(self.ask(self.register(credentials)).status, 403)
        self.assertEqual(self.contacts(), [])

    def test_trusted_peer(self) -> None:
        """A trusted peer registers anybody it vouches for, without a challenge."""
        wire = Wire(names=frozenset({"proxy.example.test"}))
        message = self.register("Contact: <sip:c@192.0.2.9>", name="carol")
        self.assertEqual(self.ask(message, wire).status, 200)
        self.assertEqual(self.ask(self.register(name="dave"), wire).status, 404)


class BindingTests(RegistrarTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.peer = Wire(names=frozenset({"proxy.example.test"}))

    def bind(self, *lines: str, call: str = "c") -> Response:
        return self.ask(self.register(*lines, call=call), self.peer)

    def test_several(self) -> None:
        """Several phones, in one request and in several; a query lists them."""
        self.bind("Contact: <sip:a@192.0.2.7>, <sip:b@192.0.2.8>;expires=120")
        self.bind("Contact: <sip:c@192.0.2.9>", "Expires: 300", call="d")
        self.assertEqual(len(self.contacts()), 3)
        listed = self.bind(call="e")
        expiries = sorted(value.rpartition("=")[2] for value in listed.fields["Contact"])
        self.assertEqual(expiries, ["120", "300", "3600"])

    def test_too_many(self) -> None:
        """More phones than a user may have are refused, and nothing of the request is kept."""
        values = ", ".join(f"<sip:a@192.0.2.{number}>" for number in range(4))
        self.assertEqual(self.bind(f"Contact: {values}").status, 403)
        self.assertEqual(self.contacts(), [])

    def test_renewed(self) -> None:
        """The same URI, however it is written, is the same phone."""
        self.bind("Contact: <sip:a@EXAMPLE.test;transport=tcp>")
        self.pass_time(3_000)
        self.bind("Contact: <sip:%61@example.test;Transport=TCP>")
        self.pass_time(3_000)
        self.assertEqual(len(self.contacts()), 1)
        self.assertEqual(len(self.changed), 1)
        self.pass_time(600)
        self.assertEqual(self.contacts(), [])
        self.assertEqual(len(self.changed), 2)
        self.assertEqual(len(self.bindings), 0)

    def test_removed(self) -> None:
        """Expiry zero ends one phone, a Contact of * all of them."""
        self.bind("Contact: <sip:a@192.0.2.7>, <sip:b@192.0.2.8>")
        answer = self.bind("Contact: <sip:a@192.0.2.7>;expires=0")
        self.assertEqual(answer.fields["Contact"], ["<sip:b@192.0.2.8>;expires=3600"])
        self.assertEqual(self.bind("Contact: *", "Expires: 0", call="e").status, 200)
        self.assertEqual(self.contacts(), [])

    def test_wrong(self) -> None:
        """What cannot be is refused."""
        for lines, status in (
            (("Contact: *", "Expires: 10"), 400),
            (("Contact: *, <sip:a@192.0.2.7>", "Expires: 0"), 400),
            (("Contact: *",), 400),
            (("Contact: <sip:a@192.0.2.7>;expires=30",), 423),
            (("Contact: <sip:a@192.0.2.7>;expires=soon",), 400),
            (("Contact: <tel:+14255550100>",), 400),
            (('Contact: <sip:a@b.test>;+sip.instance="<urn:x>";reg-id=x',), 400),
        ):
            answer = self.bind(*lines)
            self.assertEqual(answer.status, status, lines)
        self.assertEqual(self.bind("Contact: <sip:a@b>;expires=30").first("Min-Expires"), "60")
        self.assertEqual(self.contacts(), [])

    def test_order(self) -> None:
        """An older request of the same call changes nothing (RFC 3261 section 10.3)."""
        late = self.register("Contact: <sip:a@192.0.2.7>;expires=0")
        self.bind("Contact: <sip:a@192.0.2.7>")
        self.assertEqual(self.ask(late, self.peer).status, 500)
        self.assertEqual(len(self.contacts()), 1)

    def test_instance(self) -> None:
        """A phone that says which it is keeps one binding while its address changes (RFC 5626)."""
        instance = '+sip.instance="<urn:uuid:1>"'
        self.bind(f"Contact: <sip:a@192.0.2.7>;{instance};reg-id=1")
        answer = self.bind(f"Contact: <sip:a@198.51.100.1>;{instance};reg-id=1")
        (contact,) = answer.fields["Contact"]
        self.assertIn("198.51.100.1", contact)
        self.assertIn('+sip.instance="<urn:uuid:1>";reg-id=1', contact)
        self.assertEqual(answer.first("Require"), "outbound")

    def test_beside_an_instance(self) -> None:
        """Another phone of the user, which has said nothing of flows, need not know them."""
        self.bind('Contact: <sip:a@192.0.2.7>;+sip.instance="<urn:uuid:1>";reg-id=1')
        answer = self.bind("Contact: <sip:b@192.0.2.8>")
        self.assertEqual(len(answer.fields["Contact"]), 2)
        self.assertIsNone(answer.first("Require"))

    def test_path(self) -> None:
        """The proxies on the way are kept and told to who understands (RFC 3327)."""
        answer = self.bind(
            "Contact: <sip:a@192.0.2.7>", "Path: <sip:edge.example.test;lr>", "Supported: path"
        )
        self.assertEqual(answer.fields["Path"], ["<sip:edge.example.test;lr>"])
        (binding,) = self.bindings.of(f"sip:alice@{DOMAIN}", self.clock.seconds())
        self.assertEqual(binding.path, "<sip:edge.example.test;lr>")

    def test_store_fails(self) -> None:
        """What cannot be stored is answered 503 and not remembered."""
        self.ledger.failing = True
        self.assertEqual(self.bind("Contact: <sip:a@192.0.2.7>").status, 503)
        self.assertEqual(self.contacts(), [])


class GruuTests(RegistrarTestCase):
    """Phones that know GRUUs (RFC 5627), behind a trusted peer."""

    INSTANCE = '+sip.instance="<urn:uuid:1>"'
    GRUU = "Supported: path, gruu"

    def setUp(self) -> None:
        super().setUp()
        self.peer = Wire(names=frozenset({"proxy.example.test"}))

    def bind(self, *lines: str, call: str = "c") -> Response:
        return self.ask(self.register(*lines, call=call), self.peer)

    def temporary(self, *lines: str, call: str = "c", parameters: str = "") -> str:
        """The temporary GRUU of a phone that registers, "" without one."""
        contact = f"Contact: <sip:a@192.0.2.7>;{self.INSTANCE}{parameters}"
        answer = self.bind(contact, *lines, call=call)
        self.assertEqual(answer.status, 200)
        given = NameAddr.parse(answer.fields["Contact"][0]).parameters
        return unquote(given.get("temp-gruu") or "")

    def leads_to(self, gruu: str) -> list[str]:
        try:
            named = self.gruus.find(parse_uri(gruu))
        except SipRefusal as refusal:
            return [str(refusal.status)]
        assert named is not None
        return [one.contact for one in self.gruus.bindings_of(named)]

    def test_given(self) -> None:
        """A phone that knows GRUUs and says which it is gets both, whether it requires them or
        not; they lead to its Contact."""
        for line in (self.GRUU, "Require: gruu"):
            answer = self.bind(f"Contact: <sip:a@192.0.2.7>;{self.INSTANCE}", line)
            self.assertEqual(answer.status, 200)
            given = NameAddr.parse(answer.fields["Contact"][0]).parameters
            public = unquote(given["pub-gruu"] or "")
            self.assertEqual(public, f"sip:alice@{DOMAIN};gr=urn:uuid:1")
            for gruu in (public, unquote(given["temp-gruu"] or "")):
                self.assertEqual(self.leads_to(gruu), ["sip:a@192.0.2.7"])

    def test_not_given(self) -> None:
        """Who does not know them, and who does not say which it is, gets none."""
        for contact, line in (
            (f"<sip:a@192.0.2.7>;{self.INSTANCE}", "Supported: path"),
            ("<sip:a@192.0.2.8>", self.GRUU),
            ('<sip:a@192.0.2.9>;+sip.instance="<>"', self.GRUU),
        ):
            answer = self.bind(f"Contact: {contact}", line)
            self.assertEqual(answer.status, 200)
            shown = [one for one in answer.fields["Contact"] if contact[1:18] in one]
            self.assertNotIn("gruu", shown[0])
            self.bind("Contact: *", "Expires: 0", call="x")

    def test_same_call(self) -> None:
        """While the phone registers with the same Call-ID each answer has a new temporary GRUU, and
        all of them lead to it, wherever it is by now."""
        given = [self.temporary(self.GRUU) for _ in range(3)]
        self.assertEqual(len(set(given)), 3)
        moved = f"Contact: <sip:a@198.51.100.1>;{self.INSTANCE}"
        self.assertEqual(self.bind(moved, "Supported: path").status, 200)
        for one in given:
            self.assertEqual(self.leads_to(one), ["sip:a@198.51.100.1"])

    def test_another_call(self) -> None:
        """With another Call-ID what was given before is over; the public GRUU goes on."""
        before = self.temporary(self.GRUU)
        after = self.temporary(self.GRUU, call="d")
        self.assertEqual(self.leads_to(before), ["404"])
        self.assertEqual(self.leads_to(after), ["sip:a@192.0.2.7"])
        self.assertEqual(self.leads_to(f"sip:alice@{DOMAIN};gr=urn:uuid:1"), ["sip:a@192.0.2.7"])

    def test_ended(self) -> None:
        """A temporary GRUU ends with the registration, and the next one with the same Call-ID does
        not bring it back; the public one is 480 in between."""
        before = self.temporary(self.GRUU)
        self.temporary(self.GRUU, parameters=";expires=60")
        self.pass_time(61)
        self.assertEqual(self.leads_to(before), ["404"])
        self.assertEqual(self.leads_to(f"sip:alice@{DOMAIN};gr=urn:uuid:1"), ["480"])
        after = self.temporary(self.GRUU)
        self.assertEqual(self.leads_to(before), ["404"])
        self.assertEqual(self.leads_to(after), ["sip:a@192.0.2.7"])

    def test_two_flows(self) -> None:
        """The flows of one phone (RFC 5626) share its GRUUs while they share the Call-ID."""
        one = self.temporary(self.GRUU, parameters=";reg-id=1")
        self.bind(f"Contact: <sip:b@192.0.2.8>;{self.INSTANCE};reg-id=2", self.GRUU)
        self.assertEqual(sorted(self.leads_to(one)), ["sip:a@192.0.2.7", "sip:b@192.0.2.8"])
        self.bind(f"Contact: <sip:a@192.0.2.7>;{self.INSTANCE};reg-id=1;expires=0", self.GRUU)
        self.assertEqual(self.leads_to(one), ["sip:b@192.0.2.8"])

    def test_after_a_restart(self) -> None:
        """What was given before a restart leads to the phone after it."""
        given = self.temporary(self.GRUU)
        bindings = Bindings(self.ledger, Agenda())
        bindings.load(self.ledger.all(Binding).values())
        self.gruus = Gruus(
            self.users, bindings, [DOMAIN], b"secret", self.random, self.clock.seconds
        )
        self.assertEqual(self.leads_to(given), ["sip:a@192.0.2.7"])

    def test_leads_here(self) -> None:
        """A Contact that is the user's own address, or a GRUU of this system, is refused."""
        given = self.temporary(self.GRUU)
        for contact in (f"sip:alice@{DOMAIN}", f"sip:alice@{DOMAIN};gr=urn:uuid:1", given):
            self.assertEqual(self.bind(f"Contact: <{contact}>", call="d").status, 403)
        self.assertEqual(self.contacts(), ["sip:a@192.0.2.7"])


@attrs.define(eq=False)
class Asked:
    """Who has sent a request, and hears that it failed."""

    failures: list[object]

    def responded(self, transaction: object, response: object) -> None:
        """Nobody answers."""

    def failed(self, transaction: object, event: object) -> None:
        self.failures.append(event)


class FlowTests(RegistrarTestCase):
    def test_flow(self) -> None:
        """A phone is reached over the connection it registered by, while that lasts."""
        self.signed("Contact: <sip:a@192.0.2.7>")
        (binding,) = self.bindings.of(f"sip:alice@{DOMAIN}", self.clock.seconds())
        self.assertIs(self.registrar.flow_of(binding), self.wire)
        other = Wire()
        self.signed("Contact: <sip:a@192.0.2.7>", wire=other)
        self.assertIs(self.registrar.flow_of(binding), other)
        self.registrar.broken(other)
        self.assertIsNone(self.registrar.flow_of(binding))

    def test_back_over_another_flow(self) -> None:
        """A phone that comes back over another connection rings for what rings its user; what was
        sent over the one before has failed, and that is closed."""
        self.signed("Contact: <sip:a@192.0.2.7>")
        (binding,) = self.bindings.of(f"sip:alice@{DOMAIN}", self.clock.seconds())
        failures: list[object] = []
        asker = Asked(failures)
        self.core.transactions.request(self.sent(), self.wire, asker)
        del self.changed[:]
        other = Wire()
        self.signed("Contact: <sip:a@192.0.2.7>", wire=other)
        self.assertEqual(self.changed, [f"sip:alice@{DOMAIN}"])
        self.assertEqual((len(failures), self.wire.closed), (1, True))
        self.signed("Contact: <sip:a@192.0.2.7>", wire=other)
        self.assertEqual((len(self.changed), other.closed), (1, False))
        self.assertIs(self.registrar.flow_of(binding), other)

    def sent(self) -> Request:
        """A request of ours."""
        return request(
            "OPTIONS sip:a@192.0.2.7 SIP/2.0\n"
            "Via: SIP/2.0/TLS 192.0.2.1:5089;branch=z9hG4bKours\n"
            f"From: <sip:us@{DOMAIN}>;tag=1\nTo: <sip:a@192.0.2.7>\nCall-ID: o\nCSeq: 1 OPTIONS"
        )
