"""Certificates of listeners: what is refused, and what a handshake gets."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
from cryptography.hazmat.primitives.asymmetric.dsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.trial.unittest import SynchronousTestCase

from mobility import pki
from mobility.config import Config, ListenerConfig, StoreConfig, WebConfig
from mobility.errors import OperatorFault
from mobility.http.message import Site
from mobility.operate.certificates import RECORD_BYTES, Certificates
from mobility.testing import MemoryLog


class CertificateTestCase(SynchronousTestCase):
    """A test with a certificate authority and a server's files."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.now = datetime.now(UTC)
        self.authority = pki.certificate_authority("test CA", self.now)
        self.certificate = self.directory / "server.pem"
        self.key = self.directory / "server.key"
        self.log = MemoryLog()
        self.issue()

    def issue(self, moment: datetime | None = None) -> pki.Identity:
        """Write a new certificate, issued at `moment`, and its key."""
        made = pki.server_certificate(self.authority, ["localhost"], moment or self.now)
        self.certificate.write_bytes(made.certificate_pem + self.authority.certificate_pem)
        self.key.write_bytes(made.key_pem)
        return made

    def made(self) -> Certificates:
        return Certificates(self.config(), self.log)

    def config(self) -> Config:
        plain = ListenerConfig("plain", "tcp:0", Site("external", False), False)
        tls = attrs.evolve(plain, name="tls", tls=True, certificate=self.certificate, key=self.key)
        return Config(
            source=self.directory / "mobility.toml",
            data_dir=self.directory,
            sip_domains=("example.test",),
            server_fqdn="fe.example.test",
            listeners=(plain, tls),
            web=WebConfig("https://int.example.test", "https://ext.example.test"),
            store=StoreConfig(self.directory / "x.sqlite"),
        )


class FaultTests(CertificateTestCase):
    """Files that no listener can start with."""

    def fault(self) -> tuple[str, str]:
        fault = self.assertRaises(OperatorFault, self.made)
        self.assertEqual(str(self.directory / "mobility.toml"), fault.where)
        return fault.key, fault.rule

    def check(self, field: str, rule: str) -> None:
        key, found = self.fault()
        self.assertEqual(f"listen[1].{field}", key)
        self.assertIn(rule, found)

    def test_open_key(self) -> None:
        """A key that every user of the machine may read is used, and the log says so each time."""
        self.key.chmod(0o640)
        certificates = self.made()
        self.assertEqual([], self.log.named("tls.key_open"))
        self.key.chmod(0o644)
        certificates.reload()
        (line,) = self.log.named("tls.key_open")
        self.assertEqual(("tls", str(self.key)), (line["listener"], line["key"]))

    def test_missing(self) -> None:
        """A certificate or key that is not there."""
        self.key.unlink()
        self.check("key", "cannot be read: No such file")
        self.certificate.unlink()
        self.check("certificate", "cannot be read: No such file")

    def test_no_pem(self) -> None:
        """One that is something else."""
        self.key.write_bytes(b"x")
        self.check("key", "holds no PEM private key")
        self.certificate.write_bytes(b"x")
        self.check("certificate", "holds no PEM certificate")

    def test_expired(self) -> None:
        """One that has expired, with the day."""
        moment = self.now - timedelta(days=400)
        self.issue(moment)
        end = moment - pki.BACKDATED + pki.LEAF_LIFETIME
        self.check("certificate", f"expired on {end.date().isoformat()}")

    def test_not_yet(self) -> None:
        """One that is not valid yet."""
        self.issue(self.now + timedelta(days=2))
        self.check("certificate", "is not valid before")

    def test_mismatch(self) -> None:
        """A key of another certificate."""
        key = pki.server_certificate(self.authority, ["localhost"], self.now).key_pem
        self.key.write_bytes(key)
        self.check("key", f"does not belong to {self.certificate}")

    def test_passphrase(self) -> None:
        """A key with a passphrase, which nobody could type."""
        key = self.issue().key
        encrypted = BestAvailableEncryption(b"secret")
        self.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encrypted))
        self.check("key", "must have no passphrase")

    def test_kind_of_key(self) -> None:
        """A key of a kind that TLS with forward secrecy cannot use."""
        key = generate_private_key(1024)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.key.write_bytes(pem)
        self.check("key", "must be an EC, RSA or Edwards-curve key")


class HandshakeTestCase(CertificateTestCase):
    """A test with clients that shake hands in memory."""

    def setUp(self) -> None:
        super().setUp()
        self.certificates = self.made()
        self.tls = self.certificates.listeners["tls"]

    def connect(self, client: SSL.Context) -> SSL.Connection:
        """Shake hands in memory; the client's side."""
        self.server = server = self.tls.serverConnectionForTLS(None)  # type: ignore[arg-type]
        server.set_accept_state()
        near = SSL.Connection(client, None)
        near.set_connect_state()
        for _ in range(10):
            for side, other in ((near, server), (server, near)):
                try:
                    side.do_handshake()
                except SSL.WantReadError:
                    pass
                self.pass_on(side, other)
        return near

    def pass_on(self, side: SSL.Connection, other: SSL.Connection) -> None:
        try:
            other.bio_write(side.bio_read(65536))
        except SSL.WantReadError:
            pass

    def client(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        store = context.get_cert_store()
        self.assertIsNotNone(store)
        if store is not None:
            store.add_cert(X509.from_cryptography(self.authority.certificate))
        context.set_verify(SSL.VERIFY_PEER)
        return context


class HandshakeTests(HandshakeTestCase):
    """What a client meets."""

    def test_newest(self) -> None:
        """TLS 1.3 by default, with the whole chain verified."""
        self.assertEqual("TLSv1.3", self.connect(self.client()).get_protocol_version_name())

    def test_tls12(self) -> None:
        """TLS 1.2 with forward secrecy and an AEAD cipher."""
        client = self.client()
        client.set_max_proto_version(SSL.TLS1_2_VERSION)
        self.assertRegex(
            self.connect(client).get_cipher_name() or "", "^ECDHE-ECDSA-(AES|CHACHA20)"
        )

    def test_older(self) -> None:
        """Nothing older than TLS 1.2, and no cipher without forward secrecy."""
        older, weak = self.client(), self.client()
        older.set_cipher_list(b"ALL:@SECLEVEL=0")
        older.set_max_proto_version(SSL.TLS1_1_VERSION)
        weak.set_cipher_list(b"AES128-SHA256:AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA")
        weak.set_max_proto_version(SSL.TLS1_2_VERSION)
        for client in (older, weak):
            self.assertRaises(SSL.Error, self.connect, client)

    def test_alpn(self) -> None:
        """http/1.1 is chosen when it is offered; without it the handshake still works."""
        for offered, chosen in (([b"h2", b"http/1.1"], b"http/1.1"), ([b"h2"], b"")):
            client = self.client()
            client.set_alpn_protos(offered)
            self.assertEqual(chosen, self.connect(client).get_alpn_proto_negotiated())

    def test_small_records(self) -> None:
        """A long text goes out in records of RECORD_BYTES at most, and comes whole."""
        near = self.connect(self.client())
        text = bytes(range(256)) * (RECORD_BYTES // 64)
        unsent, received = text, b""
        while unsent:
            sent = self.server.send(unsent)
            self.assertIn(sent, range(1, RECORD_BYTES + 1))
            unsent = unsent[sent:]
            self.pass_on(self.server, near)
            received += near.recv(65536)
        self.assertEqual(text, received)


class ReloadTests(HandshakeTestCase):
    """SIGHUP: new handshakes get the new files, or the old ones if the new are bad."""

    def serial(self) -> int:
        """The serial number of the certificate that a handshake shows."""
        shown = self.connect(self.client()).get_peer_certificate()
        self.assertIsNotNone(shown)
        return shown.get_serial_number() if shown is not None else 0

    def test_new(self) -> None:
        """A new certificate is shown from now on, and the log has its end."""
        before = self.serial()
        made = self.issue().certificate
        self.assertEqual(before, self.serial())
        self.certificates.reload()
        self.assertEqual(made.serial_number, self.serial())
        last = self.log.named("tls.loaded")[-1]
        self.assertEqual("tls", last["listener"])
        self.assertEqual(made.not_valid_after_utc.isoformat(), last["not_after"])

    def test_bad(self) -> None:
        """A bad file is logged and the old certificate stays."""
        before = self.serial()
        self.issue()
        self.key.write_bytes(b"x")
        self.certificates.reload()
        self.assertEqual(before, self.serial())
        (event,) = self.log.named("tls.reload_failed")
        self.assertEqual("tls", event["listener"])
        self.assertIn("listen[1].key", str(event["reason"]))

    def test_connections_stay(self) -> None:
        """A connection made before goes on."""
        near = self.connect(self.client())
        self.issue()
        self.certificates.reload()
        near.send(b"hello")
        self.pass_on(near, self.server)
        self.assertEqual(b"hello", self.server.recv(100))
