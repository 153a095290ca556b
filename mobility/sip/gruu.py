"""Globally routable URIs of users' phones (GRUU, RFC 5627): each leads to one phone and no other.

A public one is the user's address with the phone's instance as its parameter `gr`.  A temporary one
says nothing of user and phone to who has it: its user part is one block of AES, which has the
handle of the phone's registration and random bits, and a MAC over that (as in RFC 5627 appendix A).
It is of use until the registration ends or goes on with another Call-ID.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable, Collection
from urllib.parse import quote, unquote_to_bytes

import attrs
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from mobility.domain.bindings import Bindings
from mobility.domain.records import Binding
from mobility.domain.users import Users
from mobility.sip.dialog import Entropy
from mobility.sip.refusal import SipRefusal
from mobility.sip.uri import SipUri, Uri, parse_sip_uri

GR = "gr"

PREFIX = "tgruu."
"""What the user part of a temporary GRUU begins with, as in RFC 5627."""

HANDLE_BYTES = 10
SALT_BYTES = 6
"""They fill a block of AES: two GRUUs of one phone have nothing in common (RFC 5627 appendix A)."""

MAC_BYTES = 10
"""HMAC-SHA256 cut to 80 bits (RFC 5627 appendix A)."""

SEALED_CHARACTERS = 42
"""Of base32, which survives in lower and in upper case, without its padding."""

_KEPT = "!*'()[]/:&+$"
"""What a URI parameter may have as it is, beside letters, digits and what is never escaped."""


class Seal:
    """Makes handles unreadable and reads them again; `secret` is that of all front ends."""

    def __init__(self, secret: bytes, entropy: Entropy) -> None:
        key = hmac.digest(secret, b"temporary GRUU, encryption", "sha256")[:16]
        self._cipher = Cipher(AES(key), ECB())  # noqa: S305  # of one block, which has random bits
        self._mac_key = hmac.digest(secret, b"temporary GRUU, authentication", "sha256")
        self._entropy = entropy

    def seal(self, handle: str) -> str:
        """A user part for a handle (HANDLE_BYTES in hexadecimal), another one each time."""
        encryptor = self._cipher.encryptor()
        block = encryptor.update(bytes.fromhex(handle) + self._entropy(SALT_BYTES))
        return PREFIX + _written(block + self._mac(block))

    def open(self, user: str) -> str:
        """The handle that a user part has been made of, "" for one that was not made here."""
        user = user.lower()
        text = user.removeprefix(PREFIX)
        if len(text) != SEALED_CHARACTERS or len(user) != len(PREFIX) + SEALED_CHARACTERS:
            return ""
        try:
            sealed = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
        except (binascii.Error, ValueError):
            return ""
        block, mac = sealed[:-MAC_BYTES], sealed[-MAC_BYTES:]
        if _written(sealed) != text or not hmac.compare_digest(mac, self._mac(block)):
            return ""
        return self._cipher.decryptor().update(block)[:HANDLE_BYTES].hex()

    def _mac(self, block: bytes) -> bytes:
        return hmac.digest(self._mac_key, block, "sha256")[:MAC_BYTES]


def _written(sealed: bytes) -> str:
    return base64.b32encode(sealed).decode().rstrip("=").lower()


def new_handle() -> str:
    """What is to stand for a phone in its temporary GRUUs."""
    return secrets.token_hex(HANDLE_BYTES)


@attrs.frozen(slots=True)
class NamedPhone:
    """The phone that a GRUU names; `instance` is as `plain_instance` has it."""

    user_uri: str = attrs.field(repr=False)
    instance: str = attrs.field(repr=False)


class Gruus:
    """The GRUUs of all registered phones; `secret` outlasts restarts, as temporary GRUUs do."""

    def __init__(
        self,
        users: Users,
        bindings: Bindings,
        domains: Collection[str],
        secret: bytes,
        entropy: Entropy,
        epoch: Callable[[], float],
    ) -> None:
        self._users = users
        self._bindings = bindings
        self._domains = frozenset(domains)
        self._seal = Seal(secret, entropy)
        self._epoch = epoch

    def of(self, binding: Binding) -> tuple[str, str]:
        """The public GRUU of a phone and a new temporary one, "" for what there is not."""
        instance = _bare(binding.instance)
        if not instance:
            return "", ""
        user = parse_sip_uri(binding.user_uri)
        scheme = parse_sip_uri(binding.contact).scheme
        parameters = {GR: quote(instance, safe=_KEPT)}
        public = attrs.evolve(user, scheme=scheme, parameters=parameters)
        if not binding.handle:
            return str(public), ""
        sealed = self._seal.seal(binding.handle)
        return str(public), str(SipUri(user.host, sealed, scheme, parameters={GR: None}))

    def is_one(self, uri: Uri) -> bool:
        """Whether a URI is a GRUU of a domain here, of a phone that there is or not."""
        return isinstance(uri, SipUri) and GR in uri.parameters and uri.host in self._domains

    def find(self, uri: Uri) -> NamedPhone | None:
        """The phone that a GRUU of a domain here names, None for another URI.

        Raises SipRefusal: 404 where there never was such a phone or a temporary GRUU is over, 480
        where the phone is not registered (RFC 5627 section 6.1).
        """
        if not isinstance(uri, SipUri) or not self.is_one(uri):
            return None
        value = uri.parameters[GR]
        if value:
            user = self._users.find(uri.aor)
            named = NamedPhone(user.uri if user is not None else "", _unescaped(value))
        else:
            handle = self._seal.open(uri.user)
            found = self._bindings.of_handle(handle, self._epoch()) if handle else []
            if not found:
                raise SipRefusal(404)
            user = self._users.find(found[0].user_uri)
            named = NamedPhone(found[0].user_uri, plain_instance(found[0].instance))
        if user is None or not user.enabled:
            raise SipRefusal(404)
        if not self.bindings_of(named):
            raise SipRefusal(480)
        return named

    def bindings_of(self, named: NamedPhone) -> list[Binding]:
        """Where the phone can be reached, the binding used last first."""
        found = self._bindings.of(named.user_uri, self._epoch())
        return [one for one in found if plain_instance(one.instance) == named.instance]


def plain_instance(instance: str) -> str:
    """The URN of a +sip.instance, in lower case as two UUIDs are compared (RFC 4122 section 3)."""
    return _bare(instance).lower()


def _bare(instance: str) -> str:
    return instance.removeprefix("<").removesuffix(">")


def _unescaped(value: str) -> str:
    return unquote_to_bytes(value).decode(errors="replace").lower()
