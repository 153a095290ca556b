"""Digest access authentication with SHA-256 and MD5 (RFC 7616, RFC 8760).

Sans-IO: the time and the randomness are arguments.  Nonces carry their time and are signed, so
none is stored; of those in use only the highest count is remembered, so that no request can be
sent twice.
"""

import base64
import hashlib
import hmac
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from enum import Enum

import attrs

from mobility.sip.grammar import Malformed, quote, storable
from mobility.sip.headers import Authorisation

ALGORITHMS: Mapping[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
"""The better one first, as challenges are to be ordered (RFC 8760 section 2.4)."""

NONCE_LIFETIME_S = 300.0
"""How long a nonce can be used (our choice: a phone registers more rarely, and asks anew)."""

MAX_COUNTED_NONCES = 10_000
"""Nonces whose count is remembered; the oldest is forgotten, and then stale (our choice)."""

MAX_NONCE_TEXT = 128

_STAMP = struct.Struct(">d8s")
_SIGNATURE_BYTES = 16


class Verdict(Enum):
    """What credentials are worth."""

    GOOD = "good"
    STALE = "stale"
    """Right, but of a nonce that is too old or was used: the client may try again by itself."""
    BAD = "bad"


@attrs.frozen(slots=True)
class Claim:
    """Credentials that have the form they must have; who they are for is still to be found out.

    `username` is as the client wrote it.
    """

    username: str
    algorithm: str
    nonce: str = attrs.field(repr=False)
    count: int
    uri: str
    cnonce: str = attrs.field(repr=False)
    response: str = attrs.field(repr=False)

    def expected(self, ha1_of_user: str, method: str) -> str:
        """The response that the holder of the password sends (RFC 7616 section 3.4.1)."""
        digest = ALGORITHMS[self.algorithm]
        ha2 = digest(f"{method}:{self.uri}".encode())
        middle = f"{self.nonce}:{self.count:08x}:{self.cnonce}:auth"
        return digest(f"{ha1_of_user}:{middle}:{ha2}".encode())


class Challenger:
    """Issues challenges for one realm and judges the answers."""

    def __init__(self, realm: str, secret: bytes, entropy: Callable[[int], bytes]) -> None:
        self.realm = realm
        self._secret = secret
        self._entropy = entropy
        self._counts: OrderedDict[str, int] = OrderedDict()

    def challenges(
        self, now: float, algorithms: Iterable[str] = tuple(ALGORITHMS), *, stale: bool = False
    ) -> list[str]:
        """The values of WWW-Authenticate or Proxy-Authenticate, a nonce in common."""
        nonce = self._nonce(now)
        extra = ", stale=true" if stale else ""
        return [
            f'Digest realm={quote(self.realm)}, nonce="{nonce}", algorithm={algorithm}, '
            f'qop="auth"{extra}'
            for algorithm in algorithms
        ]

    def claim(self, credentials: Authorisation) -> Claim | None:
        """Credentials for this realm, None for those of another.

        Raises Malformed for those that lack what a Digest answer must have.
        """
        given = credentials.parameters
        if credentials.scheme != "digest" or given.get("realm") != self.realm:
            return None
        algorithm = given.get("algorithm", "MD5").upper()
        if algorithm not in ALGORITHMS:
            raise Malformed("an unknown digest algorithm")
        if given.get("qop") != "auth":
            raise Malformed("credentials without qop=auth")
        for name in ("username", "nonce", "nc", "cnonce", "uri", "response"):
            if not storable(given.get(name) or "\0"):
                raise Malformed(f"credentials without {name}")
        if not given["response"].isascii():
            raise Malformed("a response that is no digest")
        count = given["nc"]
        if len(count) != 8 or not set(count) <= set("0123456789abcdefABCDEF"):
            raise Malformed("a wrong nonce count")
        return Claim(
            given["username"],
            algorithm,
            given["nonce"],
            int(count, 16),
            given["uri"],
            given["cnonce"],
            given["response"],
        )

    def judge(self, claim: Claim, ha1_of_user: str, method: str, now: float) -> Verdict:
        """Whether the user whose hash (of the claim's algorithm) this is sent the request.

        "" for the hash, which no user has, takes as long as any other.
        """
        issued = self._issued(claim.nonce)
        right = hmac.compare_digest(claim.expected(ha1_of_user, method), claim.response.lower())
        if issued is None or not right or not ha1_of_user:
            return Verdict.BAD
        if not 0 <= now - issued <= NONCE_LIFETIME_S:
            return Verdict.STALE
        if claim.count <= self._counts.get(claim.nonce, 0):
            return Verdict.STALE
        self._counts[claim.nonce] = claim.count
        self._counts.move_to_end(claim.nonce)
        if len(self._counts) > MAX_COUNTED_NONCES:
            self._counts.popitem(last=False)
        return Verdict.GOOD

    def _nonce(self, now: float) -> str:
        stamp = _STAMP.pack(now, self._entropy(8))
        return base64.urlsafe_b64encode(stamp + self._signature(stamp)).decode()

    def _issued(self, nonce: str) -> float | None:
        """When a nonce of ours was made, None for a foreign one."""
        if len(nonce) > MAX_NONCE_TEXT:
            return None
        try:
            data = base64.urlsafe_b64decode(nonce)
        except ValueError:
            return None
        stamp, signature = data[: _STAMP.size], data[_STAMP.size :]
        if not hmac.compare_digest(self._signature(stamp), signature):
            return None
        return float(_STAMP.unpack(stamp)[0])

    def _signature(self, stamp: bytes) -> bytes:
        return hmac.digest(self._secret, stamp, "sha256")[:_SIGNATURE_BYTES]
