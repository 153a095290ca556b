"""Certificates of the TLS listeners: checked at start, reloaded on SIGHUP.

TLS 1.2 and 1.3 with forward secrecy and AEAD ciphers only (RFC 9325), ALPN http/1.1, session
tickets, no renegotiation, no compression.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from OpenSSL.crypto import X509, PKey
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mobility.config import Config
from mobility.errors import OperatorFault
from mobility.events import Catalogue, EventLog
from mobility.operate.peer_tls import PeerTls

EVENTS: Catalogue = {
    "tls.loaded": {
        "listener": "the listener's name",
        "certificate": "the file",
        "not_after": "when the certificate ends",
    },
    "tls.key_open": {
        "listener": "the listener's name",
        "key": "the file of its private key, which every user of the machine may read",
    },
    "tls.reload_failed": {
        "listener": "the listener's name; it goes on with the certificate it has (`outgoing`: "
        "connections to other SIP servers)",
        "reason": "file, key and rule",
    },
}

CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
"""What TLS 1.2 may use (RFC 9325 4.2); those of TLS 1.3 are all good."""

KINDS_OF_KEY = (
    EllipticCurvePrivateKey,
    RSAPrivateKey,
    Ed25519PrivateKey,
    Ed448PrivateKey,
)
RECORD_BYTES = 2048
"""What a TLS record that we send carries at most.  A connection keeps a buffer of the size of its
largest record for as long as it lasts: with OpenSSL's own 16 KiB that would be most of the memory
of a client that waits for events."""

HTTP_1_1 = b"http/1.1"
SIP_2 = b"sip/2"
"""ALPN protocols (the registry of RFC 7301; SIP's is RFC 7443)."""

SESSION_CONTEXT = b"mobility"
MAX_FILE_BYTES = 1024 * 1024


class SmallRecords(SSL.Connection):
    """A connection that sends RECORD_BYTES at a time; whoever sends more asks again."""

    def send(self, buf: "bytes | bytearray | memoryview[int]", flags: int = 0) -> int:
        """How many bytes of `buf` were sent."""
        return super().send(buf[:RECORD_BYTES], flags)


@implementer(IOpenSSLServerConnectionCreator)
class ListenerTls:
    """The TLS side of one listener; `reload` takes new files for new handshakes only.

    `where` is the configuration file and `key` the dotted key of the listener: faults name them.
    """

    def __init__(
        self,
        name: str,
        certificate: Path,
        key: Path,
        where: str,
        dotted: str,
        *,
        alpn: bytes = HTTP_1_1,
        client_ca: Path | None = None,
        require_client: bool = False,
    ) -> None:
        """With `client_ca` clients are asked for a certificate that one of these has signed."""
        self.name = name
        self._certificate = certificate
        self._key = key
        self._open = False
        """Whether every user of the machine may read the key."""
        self._where = where
        self._dotted = dotted
        self._alpn = alpn
        self._client_ca = client_ca
        self._verify = SSL.VERIFY_NONE if client_ca is None else SSL.VERIFY_PEER
        if require_client:
            self._verify |= SSL.VERIFY_FAIL_IF_NO_PEER_CERT
        self.reload()

    def reload(self) -> None:
        """Take the files as they are now.  Raises OperatorFault, and then nothing has changed."""
        self.read()()

    def read(self) -> Callable[[], None]:
        """Read and check the files; what takes them for new handshakes.  Raises OperatorFault."""
        chain = self._read_chain()
        leaf = chain[0]
        now = datetime.now(UTC)
        if leaf.not_valid_after_utc <= now:
            raise self._fault("certificate", self._certificate, f"expired on {_day(leaf)}")
        if leaf.not_valid_before_utc > now:
            begin = leaf.not_valid_before_utc.isoformat()
            raise self._fault("certificate", self._certificate, f"is not valid before {begin}")
        context = self._new_context(chain)

        def take() -> None:
            self._context = context
            self.not_after = leaf.not_valid_after_utc

        return take

    def become(self, other: "ListenerTls") -> None:
        """Take what another has, files and all, for new handshakes."""
        self._certificate, self._key = other._certificate, other._key
        self._client_ca, self._open = other._client_ca, other._open
        self._context, self.not_after = other._context, other.not_after

    def serverConnectionForTLS(
        self,
        protocol: TLSMemoryBIOProtocol,  # noqa: ARG002
    ) -> SmallRecords:
        """A connection on the newest context (IOpenSSLServerConnectionCreator)."""
        return SmallRecords(self._context, None)

    def log_loaded(self, log: EventLog) -> None:
        log.emit(
            "tls.loaded",
            listener=self.name,
            certificate=str(self._certificate),
            not_after=self.not_after.isoformat(),
        )
        if self._open:
            log.emit("tls.key_open", listener=self.name, key=str(self._key))

    def _read_chain(self) -> list[x509.Certificate]:
        try:
            return x509.load_pem_x509_certificates(self._read("certificate", self._certificate))
        except ValueError as error:
            raise self._fault(
                "certificate", self._certificate, "holds no PEM certificate"
            ) from error

    def _new_context(self, chain: list[x509.Certificate]) -> SSL.Context:
        data = self._read("key", self._key)
        try:
            key = load_pem_private_key(data, None)
        except TypeError as error:
            raise self._fault("key", self._key, "must have no passphrase") from error
        except ValueError as error:
            raise self._fault("key", self._key, "holds no PEM private key") from error
        if not isinstance(key, KINDS_OF_KEY):
            raise self._fault("key", self._key, "must be an EC, RSA or Edwards-curve key")
        if key.public_key() != chain[0].public_key():
            raise self._fault("key", self._key, f"does not belong to {self._certificate}")
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(
            SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE
        )
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_cipher_list(CIPHERS)
        context.set_session_id(SESSION_CONTEXT)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)  # tickets hold the session instead
        context.set_alpn_select_callback(self._select_alpn)
        if self._client_ca is not None:
            self._trust_clients(context, self._client_ca)
        try:
            context.use_certificate(X509.from_cryptography(chain[0]))
            for issuer in chain[1:]:
                context.add_extra_chain_cert(X509.from_cryptography(issuer))
            context.use_privatekey(PKey.from_cryptography_key(key))
        except SSL.Error as error:
            raise self._fault("key", self._key, f"cannot be used by TLS: {error}") from error
        return context

    def _trust_clients(self, context: SSL.Context, file: Path) -> None:
        """Ask clients for a certificate; OpenSSL checks its chain and its time."""
        try:
            authorities = x509.load_pem_x509_certificates(self._read("client_ca", file))
        except ValueError as error:
            raise self._fault("client_ca", file, "holds no PEM certificate") from error
        store = context.get_cert_store()
        for authority in authorities:
            trusted = X509.from_cryptography(authority)
            if store is not None:
                store.add_cert(trusted)
            context.add_client_ca(trusted)
        context.set_verify(self._verify, None)

    def _select_alpn(self, connection: SSL.Connection, offered: list[bytes]) -> Any:  # noqa: ARG002
        """Ours when it is offered; else the handshake goes on without ALPN (RFC 7301 3.1)."""
        return self._alpn if self._alpn in offered else SSL.NO_OVERLAPPING_PROTOCOLS

    def _read(self, field: str, file: Path) -> bytes:
        try:
            with open(file, "rb") as stream:
                if field == "key":
                    self._open = bool(os.fstat(stream.fileno()).st_mode & stat.S_IROTH)
                return stream.read(MAX_FILE_BYTES)
        except OSError as error:
            raise self._fault(field, file, f"cannot be read: {error.strerror}") from error

    def _fault(self, field: str, file: Path, rule: str) -> OperatorFault:
        return OperatorFault(self._where, f"{file} {rule}", f"{self._dotted}.{field}")


DAY_S = 86_400.0


class CertificateDays(Collector):
    """How long each certificate is good for; `ends` gives the end of each, by whose it is."""

    def __init__(self, ends: Callable[[], Mapping[str, datetime]]) -> None:
        self._ends = ends

    def collect(self) -> Iterator[Metric]:
        now = datetime.now(UTC)
        days = GaugeMetricFamily(
            "mobility_certificate_days", "Days until a certificate ends.", labels=("listener",)
        )
        for name, end in self._ends().items():
            days.add_metric((name,), (end - now).total_seconds() / DAY_S)
        yield days


class Certificates:
    """The TLS side of every TLS listener, by the listener's name.  Raises OperatorFault."""

    def __init__(self, config: Config, log: EventLog) -> None:
        self._log = log
        self.listeners: dict[str, ListenerTls] = {}
        for number, listener in enumerate(config.listeners):
            if listener.certificate is not None and listener.key is not None:
                tls = ListenerTls(
                    listener.name,
                    listener.certificate,
                    listener.key,
                    str(config.source),
                    f"listen[{number}]",
                )
                self.listeners[listener.name] = tls
                tls.log_loaded(log)
        self.sip_listeners: dict[str, ListenerTls] = {}
        for number, one in enumerate(config.sip.listeners):
            if one.certificate is not None and one.key is not None:
                tls = ListenerTls(
                    one.name,
                    one.certificate,
                    one.key,
                    str(config.source),
                    f"sip.listen[{number}]",
                    alpn=SIP_2,
                    client_ca=one.client_ca,
                    require_client=one.mutual_tls == "require",
                )
                self.sip_listeners[one.name] = tls
                tls.log_loaded(log)

        self.peers = PeerTls(config)

    def ends(self) -> dict[str, datetime]:
        """When each certificate ends, by the listener; `outgoing` is what SIP servers are shown."""
        every = (*self.listeners.values(), *self.sip_listeners.values())
        ends = {tls.name: tls.not_after for tls in every}
        if self.peers.not_after is not None:
            ends["outgoing"] = self.peers.not_after
        return ends

    def reload(self) -> None:
        """Take the files as they are now; a listener whose files are bad keeps what it has."""
        for tls in (*self.listeners.values(), *self.sip_listeners.values()):
            try:
                tls.reload()
            except OperatorFault as fault:
                self._log.emit("tls.reload_failed", listener=tls.name, reason=str(fault))
            else:
                tls.log_loaded(self._log)
        try:
            self.peers.reload()
        except OperatorFault as fault:
            self._log.emit("tls.reload_failed", listener=self.peers.name, reason=str(fault))


def _day(certificate: x509.Certificate) -> str:
    return certificate.not_valid_after_utc.date().isoformat()
