"""Connections of the check to what it looks at: bounded in time and size, and never raising.

They block, and are made in threads.
"""

import socket
import ssl
import threading
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection

import attrs
from cryptography import x509
from OpenSSL import SSL

TIMEOUT_S = 10.0
"""How long a connection, a handshake or an answer may take (our choice)."""

MAX_BODY_BYTES = 1024 * 1024
MAX_RECORD_BYTES = 16_384 + 2048
ANSWER_TIMES = 3
"""How many times as long a whole exchange may take (our choice)."""

SILENT = "no answer in time"
TLS_FAILED = "the TLS handshake failed"
PROXY_HEADER = b"PROXY UNKNOWN\r\n"
"""From nobody in particular (PROXY protocol version 1, section 2.1)."""


@attrs.frozen(slots=True)
class Target:
    """Where to connect, and the name that is asked for there.

    `address` may be a name as well; each of its addresses is tried then.
    `proxy_header` begins the connection with a PROXY header, which a listener behind HAProxy
    expects.
    """

    address: str
    port: int
    name: str
    proxy_header: bool = False

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


@attrs.frozen(slots=True)
class Handshake:
    """What a TLS server showed: its chain, the leaf first, and the version that was agreed on."""

    chain: tuple[x509.Certificate, ...] = ()
    version: str = ""
    failure: str = ""


@attrs.frozen(slots=True)
class Reply:
    """An HTTP answer; `failure` says why there is none."""

    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    failure: str = ""

    def values(self, name: str) -> list[str]:
        """All values of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str:
        """The first value of a header, "" when it is missing."""
        return next(iter(self.values(name)), "")


def is_found(host: str) -> bool:
    """Whether this machine finds an address of a host."""
    try:
        return bool(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return False


def connect(target: Target, timeout_s: float = TIMEOUT_S) -> str:
    """Open and close a TCP connection; "" or why it does not open."""
    try:
        _open(target, timeout_s).close()
    except OSError as error:
        return _reason(error)
    return ""


def handshake(
    target: Target,
    *,
    oldest: int = SSL.TLS1_2_VERSION,
    newest: int = 0,
    timeout_s: float = TIMEOUT_S,
) -> Handshake:
    """A TLS handshake that accepts any certificate, for a look at what is shown.

    `oldest` and `newest` bound the versions offered; 0 is the newest that OpenSSL knows.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(oldest)
    context.set_max_proto_version(newest)
    if oldest < SSL.TLS1_2_VERSION:
        context.set_cipher_list(b"ALL:@SECLEVEL=0")  # without it OpenSSL does not offer them
    context.set_verify(SSL.VERIFY_NONE, None)
    connection = SSL.Connection(context, None)
    if not _is_address(target.name):
        connection.set_tlsext_host_name(target.name.encode("ascii", "replace"))
    connection.set_connect_state()
    try:
        with _open(target, timeout_s) as stream:
            _shake(connection, stream, time.monotonic() + timeout_s)
    except (OSError, SSL.Error) as error:
        return Handshake(failure=_reason(error))
    shown = connection.get_peer_cert_chain(as_cryptography=True) or []
    return Handshake(tuple(shown), connection.get_protocol_version_name())


def _shake(connection: SSL.Connection, stream: socket.socket, deadline: float) -> None:
    while True:
        try:
            connection.do_handshake()
        except SSL.WantReadError:
            _flush(connection, stream)
            if time.monotonic() > deadline:
                raise TimeoutError("timed out") from None
            data = stream.recv(MAX_RECORD_BYTES)
            if not data:
                raise ConnectionError("the connection was closed in the handshake") from None
            connection.bio_write(data)
        else:
            return


def _flush(connection: SSL.Connection, stream: socket.socket) -> None:
    try:
        stream.sendall(connection.bio_read(MAX_RECORD_BYTES))
    except SSL.WantReadError:
        return


def fetch(
    target: Target,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    tls: bool = True,
    trust: ssl.SSLContext | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Reply:
    """One HTTP request on a connection of its own.

    Without `trust` any certificate is taken: for requests that carry no secret.
    """
    context = trust or _any_certificate()
    connection: HTTPConnection = (
        _Tls(target, context, timeout_s) if tls else _Plain(target, timeout_s)
    )
    host = target.name if target.port == (443 if tls else 80) else f"{target.name}:{target.port}"
    cut = threading.Event()
    limit = threading.Timer(ANSWER_TIMES * timeout_s, _cut_off, (connection, cut))
    limit.daemon = True
    limit.start()
    try:
        connection.request(method, path, body, {"Host": host, **(headers or {})})
        response = connection.getresponse()
        data = response.read(MAX_BODY_BYTES)
        if cut.is_set():
            return Reply(failure=SILENT)
        return Reply(response.status, tuple(response.getheaders()), data)
    except (OSError, HTTPException, ValueError) as error:
        return Reply(failure=SILENT if cut.is_set() else _reason(error))
    finally:
        limit.cancel()
        connection.close()


def _cut_off(connection: HTTPConnection, cut: threading.Event) -> None:
    """End an exchange that goes on and on, a byte at a time."""
    cut.set()
    if connection.sock is not None:
        try:
            # Not the TLS socket's own way, which would drop its state under the reader's feet.
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
        except OSError:  # it has just ended by itself
            return


class _Plain(HTTPConnection):
    """A connection to an address that is not that of the Host header."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        super().__init__(target.address, target.port, timeout=timeout_s)
        self._target = target

    def connect(self) -> None:
        self.sock = _open(self._target, self.timeout or TIMEOUT_S)


class _Tls(HTTPSConnection):
    """The same over TLS, with the name that is asked for as server name."""

    def __init__(self, target: Target, context: ssl.SSLContext, timeout_s: float) -> None:
        super().__init__(target.address, target.port, timeout=timeout_s, context=context)
        self._target = target
        self._own_context = context

    def connect(self) -> None:
        stream = _open(self._target, self.timeout or TIMEOUT_S)
        try:
            self.sock = self._own_context.wrap_socket(stream, server_hostname=self._target.name)
        except BaseException:
            stream.close()
            raise


def trusting(authorities: bytes) -> ssl.SSLContext:
    """A context that trusts PEM authorities, or those of this machine when there are none."""
    context = ssl.create_default_context()
    if authorities:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=authorities.decode("ascii", "replace"))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _open(target: Target, timeout_s: float) -> socket.socket:
    stream = socket.create_connection((target.address, target.port), timeout_s)
    if target.proxy_header:
        try:
            stream.sendall(PROXY_HEADER)
        except BaseException:
            stream.close()
            raise
    return stream


def _is_address(name: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in name else socket.AF_INET, name)
    except OSError:
        return False
    return True


def _reason(error: Exception) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, TimeoutError):
        return SILENT
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError | SSL.Error):
        return TLS_FAILED
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
