"""The development certificate authority, judged by OpenSSL itself."""

import shutil
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from unittest import skipUnless

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store
from twisted.trial.unittest import SynchronousTestCase

from mobility import pki

NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)
HOSTS = ["localhost", "127.0.0.1", "::1", "lyncdiscover.example.test", "localhost"]


class CertificateTests(SynchronousTestCase):
    """What the certificates say."""

    def setUp(self) -> None:
        self.authority = pki.certificate_authority("mobility development CA", NOW)
        self.server = pki.server_certificate(self.authority, HOSTS, NOW)

    def test_names(self) -> None:
        """Each host is an alternative name of its own kind, once."""
        names = self.server.certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
        self.assertEqual(
            ["localhost", "lyncdiscover.example.test"], names.get_values_for_type(x509.DNSName)
        )
        self.assertEqual(
            [ip_address("127.0.0.1"), ip_address("::1")],
            names.get_values_for_type(x509.IPAddress),
        )

    def test_web_profile(self) -> None:
        """A verifier that keeps the CA/Browser Forum profile accepts the server."""
        verifier = (
            PolicyBuilder()
            .store(Store([self.authority.certificate]))
            .time(NOW)
            .build_server_verifier(x509.DNSName("localhost"))
        )
        chain = verifier.verify(self.server.certificate, [])
        self.assertEqual([self.server.certificate, self.authority.certificate], chain)

    def test_lifetime(self) -> None:
        """A server certificate lives no longer than browsers allow, and begins in the past."""
        certificate = self.server.certificate
        self.assertEqual(NOW - timedelta(hours=1), certificate.not_valid_before_utc)
        self.assertLessEqual(
            certificate.not_valid_after_utc - certificate.not_valid_before_utc,
            timedelta(days=398),
        )

    def test_long_host(self) -> None:
        """A host too long for a common name is whole in the alternative names."""
        host = ".".join(["a" * 60] * 3 + ["test"])
        certificate = pki.server_certificate(self.authority, [host], NOW).certificate
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual([host], names.get_values_for_type(x509.DNSName))

    def test_repr(self) -> None:
        """The key is in no representation."""
        self.assertNotIn("key=", repr(self.server))


class OpenSSLTests(SynchronousTestCase):
    """What OpenSSL makes of the files."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        now = datetime.now(UTC)
        authority = pki.certificate_authority("mobility development CA", now)
        self.ca = str(self.directory / "ca.pem")
        pki.write(Path(self.ca), authority.certificate_pem, mode=pki.PUBLIC)
        self.server = pki.server_certificate(authority, HOSTS, now)
        self.peer = pki.peer_certificate(authority, "sip.example.test", now)

    def verified(self, identity: pki.Identity, purpose: str) -> bool:
        """Whether `openssl verify -x509_strict` accepts the certificate for a purpose."""
        result = subprocess.run(
            ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", self.ca],
            input=identity.certificate_pem,
            capture_output=True,
            check=False,
        )
        return result.returncode == 0

    @skipUnless(shutil.which("openssl"), "needs the openssl command (Debian: openssl)")
    def test_strict(self) -> None:
        """Under strict checks servers and peers are both servers and clients."""
        self.assertTrue(self.verified(self.server, "sslserver"))
        self.assertTrue(self.verified(self.server, "sslclient"))
        self.assertTrue(self.verified(self.peer, "sslserver"))
        self.assertTrue(self.verified(self.peer, "sslclient"))

    def test_loads(self) -> None:
        """A TLS context takes the certificate and key from one file, as peers do."""
        file = self.directory / "peer.pem"
        pki.write(file, self.peer.certificate_pem, self.peer.key_pem, mode=pki.PRIVATE)
        ssl.create_default_context(cafile=self.ca).load_cert_chain(file)

    def test_private(self) -> None:
        """A key's file is its owner's alone, and no file is written over."""
        file = self.directory / "server.key"
        pki.write(file, self.server.key_pem, mode=pki.PRIVATE)
        self.assertEqual(0o600, file.stat().st_mode & 0o777)
        self.assertRaises(FileExistsError, pki.write, file, b"", mode=pki.PRIVATE)
