"""The certificate by which this system shows who it is, read from files."""

from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from twisted.trial.unittest import SynchronousTestCase

from mobility import pki
from mobility.auth.own_certificate import UnusableCertificate, own_certificate


class OwnCertificateTests(SynchronousTestCase):
    """Files of an authority."""

    def setUp(self) -> None:
        now = datetime.now(UTC)
        self.authority = pki.certificate_authority("CA", now)
        self.ours = pki.server_certificate(self.authority, ["us.example.test"], now)

    def test_good(self) -> None:
        """The first certificate is ours, with the key; issuers may follow it."""
        whole = self.ours.certificate_pem + self.authority.certificate_pem
        own = own_certificate(whole, self.ours.key_pem)
        leaf = own.original.to_cryptography()
        self.assertEqual(self.ours.certificate_pem, leaf.public_bytes(Encoding.PEM))
        key = own.privateKey.original.to_cryptography_key()
        self.assertEqual(key.public_key(), leaf.public_key())

    def test_wrong(self) -> None:
        """What is wrong is told, with the file that it is in; nobody is asked for a passphrase."""
        key = load_pem_private_key(self.ours.key_pem, None)
        locked = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        useless = X25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        good, nonsense = self.ours.certificate_pem, b"nonsense"
        for certificate, key_pem, part, rule in (
            (nonsense, self.ours.key_pem, "certificate", "holds no PEM certificate"),
            (b"", self.ours.key_pem, "certificate", "holds no PEM certificate"),
            (good, nonsense, "key", "holds no PEM private key"),
            (good, b"", "key", "holds no PEM private key"),
            (good, good, "key", "holds no PEM private key"),
            (good, locked, "key", "must have no passphrase"),
            (good, self.authority.key_pem, "key", "does not belong to the certificate"),
            (good, useless, "key", "does not belong to the certificate"),
        ):
            error = self.assertRaises(UnusableCertificate, own_certificate, certificate, key_pem)
            self.assertEqual((part, rule), (error.part, error.rule))
