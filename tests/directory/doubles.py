"""An LDAP server in memory, good or hostile, and the records that tests are made of."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from ldaptor.protocols import pureber, pureldap
from ldaptor.protocols.ldap.ldapclient import LDAPClient
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from mobility.directory.connection import LdapConnection
from mobility.directory.faults import ServerLost
from mobility.directory.messages import PAGED_RESULTS
from mobility.directory.schema import INETORGPERSON
from mobility.directory.settings import LdapConfig, Server

SERVICE = "cn=mobility,dc=example,dc=test"
SECRET = "a secret of the tests"
BASE = "ou=people,dc=example,dc=test"
GROUPS = "ou=groups,dc=example,dc=test"
TIMEOUT_S = 5.0

SETTINGS = LdapConfig(
    servers=("ldaps://one.example.test", "ldaps://two.example.test"),
    bind_dn=SERVICE,
    schema="inetorgperson",
    user_base=BASE,
    user_filter=INETORGPERSON.user_filter,
    group_filter=INETORGPERSON.group_filter,
    attributes=dict(INETORGPERSON.attributes),
    uri_domain="example.test",
    page_size=10,
    max_users=100,
    operation_timeout_s=TIMEOUT_S,
)

Answer = bytes | None
"""What a server sends; None for nothing."""


def bind_result(number: int, code: int = 0) -> bytes:
    return wire(number, pureldap.LDAPBindResponse(resultCode=code))


def found(number: int, dn: str, attributes: Mapping[str, Sequence[bytes | str]]) -> bytes:
    return wire(number, pureldap.LDAPSearchResultEntry(dn, list(attributes.items())))


def done(number: int, code: int = 0, cookie: bytes = b"") -> bytes:
    page = pureber.BERSequence([pureber.BERInteger(0), pureber.BEROctetString(cookie)])
    controls = [(PAGED_RESULTS, None, page.toWire())]
    return wire(number, pureldap.LDAPSearchResultDone(resultCode=code), controls)


def wire(number: int, answer: object, controls: object = None) -> bytes:
    return pureldap.LDAPMessage(answer, controls=controls, id=number).toWire()


class MemoryTransport(StringTransport):
    """The client's side of a connection to a `MemoryServer`."""

    def __init__(self, server: "MemoryServer", protocol: LdapConnection) -> None:
        super().__init__()
        self.server = server
        self.protocol = protocol
        self.open = True

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.open:
            self.server.read(self, data)

    def loseConnection(self) -> None:
        self.end(ConnectionDone())

    def abortConnection(self) -> None:
        self.end(ConnectionDone())

    def end(self, reason: Exception) -> None:
        if self.open:
            self.open = False
            self.protocol.connectionLost(Failure(reason))


class MemoryServer:
    """Answers as its attributes say, each request within the write.

    `entries` are what a search finds, `changed` what one finds that asks for changes; `script`
    answers instead when it is set: it is given the number of the request and the request.  `marks`
    are what searches asked for: since when, "" for everything.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.passwords = {SERVICE: SECRET}
        self.entries: list[tuple[str, Mapping[str, Sequence[bytes | str]]]] = []
        self.changed: list[tuple[str, Mapping[str, Sequence[bytes | str]]]] = []
        self.script: Callable[[int, Any], Answer] | None = None
        self.up = True
        self.connections: list[MemoryTransport] = []
        self.binds: list[str] = []
        self.marks: list[str] = []

    def connect(self) -> LdapConnection:
        """A new connection.  Raises ServerLost while it is not up."""
        if not self.up:
            raise ServerLost("it cannot be reached: refused")
        protocol = LdapConnection(self.clock, TIMEOUT_S)
        transport = MemoryTransport(self, protocol)
        self.connections.append(transport)
        protocol.makeConnection(transport)
        return protocol

    def stop(self) -> None:
        """Go down, and lose all connections."""
        self.up = False
        for connection in self.connections:
            connection.end(ConnectionDone())

    @property
    def open(self) -> list[MemoryTransport]:
        return [connection for connection in self.connections if connection.open]

    def read(self, transport: MemoryTransport, data: bytes) -> None:
        message, _ = pureber.berDecodeObject(LDAPClient.berdecoder, data)
        if isinstance(message.value, pureldap.LDAPUnbindRequest):
            return
        script = self.script or self.answer
        answer = script(message.id, message.value)
        if answer is not None:
            transport.protocol.dataReceived(answer)

    def answer(self, number: int, request: Any) -> Answer:
        """What a good server says."""
        if isinstance(request, pureldap.LDAPBindRequest):
            name, password = request.dn.decode(), request.auth.decode()
            self.binds.append(name)
            return bind_result(number, 0 if self.passwords.get(name) == password else 49)
        self.marks.append(_mark(request.filter))
        entries = self.changed if self.marks[-1] else self.entries
        return b"".join(found(number, *entry) for entry in entries) + done(number)


def _mark(condition: Any) -> str:
    """The value that a filter wants an attribute to have or exceed, "" when it wants none."""
    if isinstance(condition, pureldap.LDAPFilter_greaterOrEqual):
        return condition.assertionValue.value.decode()
    if isinstance(condition, pureldap.LDAPFilter_and):
        return "".join(_mark(part) for part in condition)
    return ""


class MemoryServers:
    """Two servers, reached as `mobility.directory.servers.Connect` says."""

    def __init__(self, clock: Clock) -> None:
        self.one, self.two = MemoryServer(clock), MemoryServer(clock)

    async def __call__(self, server: Server) -> LdapConnection:
        return {"one": self.one, "two": self.two}[server.host.partition(".")[0]].connect()


def settings(**changes: Any) -> LdapConfig:
    return attrs.evolve(SETTINGS, **changes)


def group(name: str, *members: str, **attributes: str) -> tuple[str, dict[str, list[bytes | str]]]:
    """An entry of a group whose members are entries of these names."""
    values: dict[str, str] = {
        "cn": name.title(),
        "mail": f"{name}@lists.test",
        "entryUUID": f"uuid-of-{name}",
        "modifyTimestamp": "20260101120000Z",
        **attributes,
    }
    entry: dict[str, list[bytes | str]] = {key: [value] for key, value in values.items() if value}
    return f"cn={name},{GROUPS}", {**entry, "member": list(members)}


def person(name: str, **attributes: str | bytes) -> tuple[str, dict[str, list[bytes | str]]]:
    """An entry of somebody at example.test."""
    values: dict[str, str | bytes] = {
        "cn": name.title(),
        "mail": f"{name}@example.test",
        "entryUUID": f"uuid-of-{name}",
        "modifyTimestamp": "20260101120000Z",
        **attributes,
    }
    return f"uid={name},{BASE}", {key: [value] for key, value in values.items() if value}
