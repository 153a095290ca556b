"""Password hashes (argon2id, RFC 9106), computed in threads of their own, and SIP digest hashes."""

import hashlib
import secrets
import unicodedata
from base64 import b64encode
from contextlib import AbstractAsyncContextManager

import attrs
from argon2 import PasswordHasher, Type
from argon2.exceptions import VerificationError, VerifyMismatchError
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from mobility.auth.turns import Turns
from mobility.domain.addresses import domain_of
from mobility.errors import Parameter, PeerFault, validation_failure

MEMORY_KIB = 19_456
TIME_COST = 2
PARALLELISM = 1
"""argon2id with 19 MiB, two passes, one lane: the first choice of the OWASP Password Storage Cheat
Sheet; about 20 ms of one core.  (RFC 9106 §4's low-memory choice, 64 MiB, three passes and four
lanes, costs about 140 ms.)"""

SALT_BYTES = 16
HASH_BYTES = 32
"""Salt and tag length (RFC 9106 §4)."""

MAX_PASSWORD_BYTES = 1_024
"""Bytes of UTF-8 of the longest password: well above any passphrase, and its own cost stays small
against that of the memory passes."""

_DISALLOWED = frozenset({"Cc", "Cs"})
"""General categories refused in a password: controls (RFC 8264 §9.12) and lone surrogates."""


def prepared(password: str) -> bytes:
    """`password` in the form that is hashed: the OpaqueString profile of RFC 8265 §4.2, as UTF-8.

    Spaces of other scripts become U+0020 and the text is put into NFC, so that a password typed on
    a phone equals the one typed on a desktop; case and width stay.  Unassigned code points are
    allowed, since the answer would otherwise change with the Unicode version.

    Raises PeerFault (400 ParameterValidationFailure, `password`) when it is empty, longer than
    `MAX_PASSWORD_BYTES` or holds a control character.
    """
    if len(password) > MAX_PASSWORD_BYTES:
        raise _unusable(f"is longer than {MAX_PASSWORD_BYTES} bytes")
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    normal = unicodedata.normalize("NFC", spaced)
    if not normal:
        raise _unusable("is empty")
    if any(unicodedata.category(c) in _DISALLOWED for c in normal):
        raise _unusable("holds a control character")
    encoded = normal.encode()
    if len(encoded) > MAX_PASSWORD_BYTES:
        raise _unusable(f"is longer than {MAX_PASSWORD_BYTES} bytes")
    return encoded


def _unusable(reason: str) -> PeerFault:
    return validation_failure(Parameter("password", reason))


@attrs.frozen(slots=True)
class Verdict:
    """What a verification found.

    `outdated` asks for a new hash at today's cost; `damaged` says that the stored hash cannot be
    read, so no password matches it until it is set again.
    """

    matched: bool
    outdated: bool = False
    damaged: bool = False


@attrs.frozen(slots=True)
class Hashing:
    """argon2id at one cost: memory in KiB, passes, lanes.  Blocks, so it belongs in a thread."""

    memory_kib: int = MEMORY_KIB
    time_cost: int = TIME_COST
    parallelism: int = PARALLELISM

    def hash(self, password: str) -> str:
        """The encoded hash of `password`.  Raises PeerFault as `prepared` does."""
        return self._hasher().hash(prepared(password))

    def verify(self, password_hash: str, password: str) -> Verdict:
        """Whether `password` belongs to `password_hash`.

        With no hash (""), for a user that does not exist, it takes as long as for a wrong
        password, so that the time does not tell who exists.
        """
        hasher = self._hasher()
        stored = password_hash or self._of_nobody()
        try:
            candidate = prepared(password)
        except PeerFault:  # nobody can have set it: as wrong as any other
            candidate, stored = b"", self._of_nobody()
        try:
            hasher.verify(stored, candidate)
        except VerifyMismatchError:
            return Verdict(matched=False)
        except (VerificationError, ValueError):
            return attrs.evolve(self.verify("", password), damaged=True)
        return Verdict(matched=True, outdated=hasher.check_needs_rehash(stored))

    def _hasher(self) -> PasswordHasher:
        return PasswordHasher(
            time_cost=self.time_cost,
            memory_cost=self.memory_kib,
            parallelism=self.parallelism,
            hash_len=HASH_BYTES,
            salt_len=SALT_BYTES,
            type=Type.ID,
        )

    def _of_nobody(self) -> str:
        """A well-formed hash at this cost, of a password that nobody knows."""
        salt, tag = (
            b64encode(secrets.token_bytes(size)).decode().rstrip("=")
            for size in (SALT_BYTES, HASH_BYTES)
        )
        cost = f"m={self.memory_kib},t={self.time_cost},p={self.parallelism}"
        return f"$argon2id$v=19${cost}${salt}${tag}"


class Passwords(Service):
    """Hashing in `threads` threads of its own.

    Whoever hashes takes a `turn` first, so that a decision made at the start of a turn (may this
    user still try?) knows all but the few verifications that run at the same moment.
    """

    def __init__(
        self, threads: int, reactor: IReactorFromThreads, hashing: Hashing | None = None
    ) -> None:
        self._hashing = hashing or Hashing()
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=0, maxthreads=threads, name="passwords")
        self._turns = Turns(threads)

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]  # Twisted's Service is untyped
        self._pool.start()

    def stopService(self) -> Deferred[None]:
        """Send away who waits, let the running verifications end, and join the threads."""
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted's Service is untyped
        return self._turns.close().addCallback(lambda _: self._pool.stop())

    def turn(self) -> AbstractAsyncContextManager[None]:
        """A thread's time, for the body of an `async with` (`Turns.turn`)."""
        return self._turns.turn()

    def verify(self, password_hash: str, password: str) -> Deferred[Verdict]:
        """As `Hashing.verify`, in a thread; called within a `turn`."""
        return deferToThreadPool(
            self._reactor, self._pool, self._hashing.verify, password_hash, password
        )

    def hash(self, password: str) -> Deferred[str]:
        """As `Hashing.hash`, in a thread; called within a `turn`."""
        return deferToThreadPool(self._reactor, self._pool, self._hashing.hash, password)


@attrs.frozen(slots=True)
class DigestHashes:
    """What SIP digest keeps instead of a password: H(user:realm:password) in hex."""

    md5: str = attrs.field(repr=False)
    sha256: str = attrs.field(repr=False)


def digest_hashes(user_uri: str, password: str) -> DigestHashes:
    """The digest hashes of a user who signs in over SIP (RFC 3261 §22.4, RFC 8760 §2.1).

    The realm is the SIP domain and the user name the part before it.  Raises PeerFault as
    `prepared` does.
    """
    realm = domain_of(user_uri)
    user = user_uri.removeprefix("sip:").rpartition("@")[0]
    secret = f"{user}:{realm}:".encode() + prepared(password)
    return DigestHashes(
        hashlib.md5(secret, usedforsecurity=False).hexdigest(),
        hashlib.sha256(secret).hexdigest(),
    )
