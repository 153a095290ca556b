"""Keys, tokens and the encryption of Web Push, held against other implementations."""

import json
import os
from pathlib import Path

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.clearing_house.signing import (
    APNS_TOKEN_LEAST_S,
    APNS_TOKEN_S,
    ApnsTokens,
    BadSubscription,
    ServiceAccount,
    Vapid,
    decoded,
    decrypt,
    ec_key,
    encoded,
    encrypt,
    origin_of,
    read_secret,
)
from mobility.errors import OperatorFault

KEY = ec.generate_private_key(ec.SECP256R1())
POINT = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
SECRET = bytes(range(16))


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class EncryptionTests(SynchronousTestCase):
    @given(st.binary(max_size=3_993))
    def test_http_ece(self, plaintext: bytes) -> None:
        """The independent http-ece reads what is encrypted for a subscription."""
        message = encrypt(plaintext, encoded(POINT), encoded(SECRET))
        self.assertLessEqual(len(message), 4_096)
        read = http_ece.decrypt(message, private_key=KEY, auth_secret=SECRET, version="aes128gcm")
        self.assertEqual(read, plaintext)

    def test_from_http_ece(self) -> None:
        """And what it encrypts is read by the subscribers of our doubles."""
        own = ec.generate_private_key(ec.SECP256R1())
        message = http_ece.encrypt(
            b"hello",
            salt=os.urandom(16),
            private_key=own,
            dh=POINT,
            auth_secret=SECRET,
            version="aes128gcm",
        )
        self.assertEqual(decrypt(message, KEY, SECRET), b"hello")

    def test_example(self) -> None:
        """The example of RFC 8291 appendix A is read."""
        private = decoded("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
        key = ec.derive_private_key(int.from_bytes(private, "big"), ec.SECP256R1())
        message = decoded(
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIg"
            "Dll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZ"
            "wbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        )
        self.assertEqual(
            decrypt(message, key, decoded("BTBZMqHH6r4Tts7J_aSIgg")),
            b"When I grow up, I want to be a watermelon",
        )

    def test_another_subscriber(self) -> None:
        """Nobody else can read it, nor a changed one."""
        message = encrypt(b"hello", encoded(POINT), encoded(SECRET))
        with self.assertRaises(ValueError):
            decrypt(message, ec.generate_private_key(ec.SECP256R1()), SECRET)
        for index in (0, 30, len(message) - 1):
            changed = bytearray(message)
            changed[index] ^= 1
            with self.assertRaises(ValueError):
                decrypt(bytes(changed), KEY, SECRET)

    @given(st.text(max_size=100), st.text(max_size=40))
    def test_bad_subscriptions(self, p256dh: str, auth: str) -> None:
        """Keys that are none are refused as such."""
        with self.assertRaises(BadSubscription):
            encrypt(b"", p256dh, auth)


class TokenTests(SynchronousTestCase):
    def test_apns_reuse(self) -> None:
        """A token for Apple is used for 40 minutes and is the same after a restart."""
        tokens = ApnsTokens("TEAM", "KEY", KEY)
        begin = 1_000 * APNS_TOKEN_S
        first = tokens.current(begin + 5)
        self.assertEqual(tokens.current(begin + APNS_TOKEN_S - 1), first)
        self.assertEqual(ApnsTokens("TEAM", "KEY", KEY).current(begin + 77), first)
        second = tokens.current(begin + APNS_TOKEN_S)
        self.assertNotEqual(second, first)
        claims = jwt.decode(second, KEY.public_key(), ["ES256"], options={"verify_iat": False})
        self.assertEqual(claims, {"iss": "TEAM", "iat": int(begin + APNS_TOKEN_S)})
        self.assertEqual(jwt.get_unverified_header(second)["kid"], "KEY")

    def test_apns_renewal(self) -> None:
        """One that Apple finds too old is replaced, but not twice in 20 minutes, nor is the next
        one made sooner."""
        tokens = ApnsTokens("TEAM", "KEY", KEY)
        begin = 1_000 * APNS_TOKEN_S
        first = tokens.current(begin + 5)
        self.assertFalse(tokens.renew(begin + APNS_TOKEN_LEAST_S - 1))
        renewed_at = begin + APNS_TOKEN_LEAST_S + 1
        self.assertTrue(tokens.renew(renewed_at))
        second = tokens.current(renewed_at)
        self.assertNotEqual(second, first)
        self.assertFalse(tokens.renew(renewed_at + 1))
        self.assertEqual(tokens.current(renewed_at + APNS_TOKEN_S - 1), second)
        self.assertNotEqual(tokens.current(renewed_at + APNS_TOKEN_S), second)

    def test_vapid(self) -> None:
        """Each push service gets a token for itself, for less than a day."""
        vapid = Vapid(KEY, "mailto:a@example.test")
        field = vapid.authorization("https://push.example.test/abc", 1_000_000.0)
        token, key = field.removeprefix("vapid t=").split(",k=")
        self.assertEqual(decoded(key), POINT)
        claims = jwt.decode(
            token,
            KEY.public_key(),
            ["ES256"],
            audience="https://push.example.test",
            options={"verify_exp": False},
        )
        self.assertEqual(claims["sub"], "mailto:a@example.test")
        self.assertTrue(0 < claims["exp"] - 1_000_000 <= 86_400)
        same = vapid.authorization("https://push.example.test/def", 1_000_001.0)
        self.assertEqual(same, field)
        other = vapid.authorization("https://other.example.test/def", 1_000_001.0)
        self.assertNotEqual(other, field)

    def test_vapid_origin(self) -> None:
        """The audience is an origin: in lower case, and without the port of https."""
        for endpoint, origin in (
            ("https://Push.Example.test:443/abc", "https://push.example.test"),
            ("https://push.example.test:8443/abc", "https://push.example.test:8443"),
            ("https://[2001:db8::A]/abc", "https://[2001:db8::a]"),
        ):
            self.assertEqual(origin_of(endpoint), origin)
            field = Vapid(KEY, "mailto:a@example.test").authorization(endpoint, 1_000_000.0)
            claims = jwt.decode(
                field.removeprefix("vapid t=").split(",")[0], options={"verify_signature": False}
            )
            self.assertEqual(claims["aud"], origin)


class FileTests(SynchronousTestCase):
    def test_secret_files(self) -> None:
        """A file that others may read, or that is not there, is the operator's to mend."""
        file = Path(self.mktemp())
        file.write_bytes(b"secret")
        file.chmod(0o644)
        with self.assertRaises(OperatorFault) as caught:
            read_secret(file, "house.toml", "apns[0].key")
        self.assertIn("has mode 0644", str(caught.exception))
        file.chmod(0o600)
        self.assertEqual(read_secret(file, "house.toml", "apns[0].key"), b"secret")
        with self.assertRaises(OperatorFault):
            read_secret(file / "none", "house.toml", "apns[0].key")

    def test_keys(self) -> None:
        """Only a P-256 key signs for Apple and for Web Push."""
        file = Path("key.p8")
        self.assertEqual(ec_key(pem(KEY), "w", "k", file).curve.name, "secp256r1")
        for data in (b"", b"junk", pem(rsa.generate_private_key(65_537, 2_048))):
            with self.assertRaises(OperatorFault):
                ec_key(data, "w", "k", file)
        with self.assertRaises(OperatorFault):
            ec_key(pem(ec.generate_private_key(ec.SECP384R1())), "w", "k", file)

    def test_service_account(self) -> None:
        """A key file of another kind, or with a part missing, is refused."""
        good = {
            "project_id": "p",
            "client_email": "e@p",
            "token_uri": "https://oauth2.googleapis.com/token",
            "private_key_id": "k",
            "private_key": pem(rsa.generate_private_key(65_537, 2_048)).decode(),
        }
        file = Path("account.json")
        account = ServiceAccount(json.dumps(good).encode(), "w", "k", file)
        self.assertEqual(account.project, "p")
        for wrong in (
            {},
            [],
            good | {"private_key": "junk"},
            good | {"private_key": pem(KEY).decode()},
            good | {"token_uri": "http://oauth2.googleapis.com/token"},
            good | {"project_id": 7},
        ):
            with self.assertRaises(OperatorFault):
                ServiceAccount(json.dumps(wrong).encode(), "w", "k", file)
