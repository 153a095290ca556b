"""The tokens that providers ask for, made with keys from files: JWTs and Web Push encryption.

Nothing here does input or output but reading a key file.
"""

import base64
import os
from math import floor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import msgspec
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from mobility.errors import OperatorFault

APNS_TOKEN_S = 2_400.0
"""How long a token for APNs is used: Apple asks for 20 to 60 minutes."""

APNS_TOKEN_LEAST_S = 1_200.0
"""A new one sooner is answered 429 TooManyProviderTokenUpdates."""

VAPID_TOKEN_S = 12 * 3_600
"""`exp` of a VAPID token: at most 24 hours from now (RFC 8292 section 2)."""

VAPID_TOKENS = 1_000
"""Push services whose token is remembered (our choice)."""

GOOGLE_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GOOGLE_ASSERTION_S = 3_600
MAX_KEY_BYTES = 64 * 1024
RECORD_BYTES = 4_096


def encoded(data: bytes) -> str:
    """base64url without padding (RFC 7515 appendix C)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The bytes of base64url or base64, padded or not.  Raises ValueError."""
    if not text.isascii():
        raise ValueError("is no base64url")
    plain = text.rstrip("=").replace("+", "-").replace("/", "_")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), b"-_", validate=True)


def read_secret(file: Path, where: str, key: str) -> bytes:
    """A file with a secret.  Raises OperatorFault, also when others than its owner may read it."""
    try:
        with open(file, "rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            data = stream.read(MAX_KEY_BYTES)
    except OSError as error:
        raise OperatorFault(where, f"{file} cannot be read: {error.strerror}", key) from error
    if mode & 0o077:
        rule = f"{file} has mode {mode & 0o777:04o}, must be its owner's alone: chmod 600"
        raise OperatorFault(where, rule, key)
    return data


def ec_key(data: bytes, where: str, key: str, file: Path) -> ec.EllipticCurvePrivateKey:
    """A P-256 key in PEM (Apple's .p8 is one).  Raises OperatorFault."""
    try:
        found = load_pem_private_key(data, None)
    except (ValueError, TypeError) as error:
        rule = f"{file} holds no PEM private key without a passphrase"
        raise OperatorFault(where, rule, key) from error
    if not isinstance(found, ec.EllipticCurvePrivateKey) or found.curve.name != "secp256r1":
        raise OperatorFault(where, f"{file} must hold a P-256 key", key)
    return found


class ApnsTokens:
    """The provider token of one APNs key (ES256; `iss` is the team, `kid` the key).

    `iat` is the beginning of a slot of APNS_TOKEN_S, and the signature is deterministic (RFC 6979),
    so that a restart, a reload and another clearing house with the same key all use the same token:
    Apple refuses providers that change theirs too often.
    """

    def __init__(self, team_id: str, key_id: str, key: ec.EllipticCurvePrivateKey) -> None:
        self._team_id = team_id
        self._key_id = key_id
        self._key = key
        self._offset = 0.0
        self._slot: float | None = None
        self._token = ""

    def current(self, now: float) -> str:
        """The token to use at `now`."""
        slot = self._offset + floor((now - self._offset) / APNS_TOKEN_S) * APNS_TOKEN_S
        if slot != self._slot:
            self._make(slot)
        return self._token

    def renew(self, now: float) -> bool:
        """Make a new one because Apple finds it too old; not before the old one may be replaced."""
        if self._slot is not None and 0 <= now - self._slot < APNS_TOKEN_LEAST_S:
            return False
        self._offset = now % APNS_TOKEN_S
        self._make(now)
        return True

    def _make(self, slot: float) -> None:
        header = {"alg": "ES256", "kid": self._key_id, "typ": "JWT"}
        claims = {"iss": self._team_id, "iat": int(slot)}
        parts = [encoded(msgspec.json.encode(part)) for part in (header, claims)]
        signed = ".".join(parts)
        self._token = f"{signed}.{encoded(_sign(self._key, signed.encode()))}"
        self._slot = slot


def _sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """The signature of ES256 (RFC 7518 section 3.4), the same each time where OpenSSL can."""
    try:
        made = key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    except UnsupportedAlgorithm:
        made = key.sign(data, ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(made)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class ServiceAccount:
    """A Google service account's key file."""

    def __init__(self, data: bytes, where: str, key: str, file: Path) -> None:
        """Raises OperatorFault."""
        try:
            account: Any = msgspec.json.decode(data)
            self.project: str = account["project_id"]
            self.email: str = account["client_email"]
            self.token_uri: str = account["token_uri"]
            self._key_id: str = account["private_key_id"]
            found = load_pem_private_key(account["private_key"].encode(), None)
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise OperatorFault(where, f"{file} is no service account key file", key) from error
        if not isinstance(found, rsa.RSAPrivateKey):
            raise OperatorFault(where, f"{file} must hold an RSA key", key)
        for name in (self.project, self.email, self.token_uri, self._key_id):
            if not isinstance(name, str) or not name.isascii():
                raise OperatorFault(where, f"{file} is no service account key file", key)
        if urlsplit(self.token_uri).scheme != "https":
            raise OperatorFault(where, f"{file} must have an https token_uri", key)
        self._key = found

    def assertion(self, now: float) -> str:
        """What is exchanged for an access token (RFC 7523)."""
        claims = {
            "iss": self.email,
            "scope": GOOGLE_SCOPE,
            "aud": self.token_uri,
            "iat": int(now),
            "exp": int(now) + GOOGLE_ASSERTION_S,
        }
        return jwt.encode(claims, self._key, "RS256", headers={"kid": self._key_id})


def origin_of(url: str) -> str:
    """The origin of an https URL as it is written (RFC 6454 section 6.2): in lower case, and
    without the port that it would have anyway."""
    parts = urlsplit(url)
    host, port = (parts.hostname or "").lower(), parts.port
    host = f"[{host}]" if ":" in host else host
    return f"https://{host}" if port in (None, 443) else f"https://{host}:{port}"


class Vapid:
    """How a Web Push server knows the application server (RFC 8292)."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, subject: str) -> None:
        self._key = key
        self._subject = subject
        self._tokens: dict[str, tuple[float, str]] = {}
        public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public_key = encoded(public)
        """What a page gives `pushManager.subscribe` as `applicationServerKey`."""

    def authorization(self, endpoint: str, now: float) -> str:
        """The Authorization field for an endpoint; the token is made anew at half of its life."""
        origin = origin_of(endpoint)
        made_at, value = self._tokens.get(origin, (0.0, ""))
        if not 0 <= now - made_at < VAPID_TOKEN_S / 2:
            claims = {"aud": origin, "exp": int(now) + VAPID_TOKEN_S, "sub": self._subject}
            value = f"vapid t={jwt.encode(claims, self._key, 'ES256')},k={self.public_key}"
            if len(self._tokens) >= VAPID_TOKENS:
                self._tokens.clear()
            self._tokens[origin] = (now, value)
        return value


class BadSubscription(ValueError):
    """The keys of a subscription cannot be used."""


def encrypt(plaintext: bytes, p256dh: str, auth: str) -> bytes:
    """`plaintext` for a subscription as one aes128gcm record (RFC 8291 section 3, RFC 8188).

    Raises BadSubscription.
    """
    try:
        secret = decoded(auth)
        point = decoded(p256dh)
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise BadSubscription("p256dh and auth must be base64url") from error
    if len(secret) != 16:
        raise BadSubscription("auth must be 16 bytes")
    own = ec.generate_private_key(ec.SECP256R1())
    own_point = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    salt = os.urandom(16)
    key, nonce = _keys(own.exchange(ec.ECDH(), theirs), secret, point, own_point, salt)
    header = salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(own_point)]) + own_point
    return header + AESGCM(key).encrypt(nonce, plaintext + b"\x02", None)


def decrypt(message: bytes, key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """What a subscriber reads of a message for it.  Raises ValueError.

    For the doubles of push services, and for applications in Python.
    """
    if len(message) < 86 or message[20] != 65:
        raise ValueError("is no aes128gcm message of Web Push")
    salt, own_point, record = message[:16], message[21:86], message[86:]
    if len(record) > int.from_bytes(message[16:20], "big"):
        raise ValueError("has more than one record")
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), own_point)
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    secret, nonce = _keys(key.exchange(ec.ECDH(), theirs), auth, point, own_point, salt)
    try:
        padded = AESGCM(secret).decrypt(nonce, record, None).rstrip(b"\x00")
    except InvalidTag as error:
        raise ValueError("was not encrypted for this subscription") from error
    if not padded.endswith(b"\x02"):
        raise ValueError("has no last record")
    return padded[:-1]


def _keys(
    shared: bytes, auth: bytes, receiver: bytes, sender: bytes, salt: bytes
) -> tuple[bytes, bytes]:
    """Content encryption key and nonce (RFC 8291 section 3.4)."""
    info = b"WebPush: info\x00" + receiver + sender
    material = HKDF(hashes.SHA256(), 32, auth, info).derive(shared)
    key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\x00").derive(material)
    nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\x00").derive(material)
    return key, nonce
