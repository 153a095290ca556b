"""OpenLDAP's slapd as a child process, with an organisation of a few hundred people in it."""

import shutil
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import attrs
from PIL import Image

from mobility.pki import PRIVATE, PUBLIC, certificate_authority, server_certificate, write
from tests.interop.child import Child, Outcome, free_port, program, run

SUFFIX = "dc=example,dc=test"
PEOPLE = f"ou=people,{SUFFIX}"
GROUPS = f"ou=groups,{SUFFIX}"
ADMINISTRATOR = f"cn=admin,{SUFFIX}"
SERVICE = f"cn=mobility,{SUFFIX}"
SECRET = "a secret of the tests"
PASSWORD = "correct horse battery staple"

CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {directory}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile {directory}/ca.pem
TLSCertificateFile {directory}/server.pem
TLSCertificateKeyFile {directory}/server.key
sizelimit {size_limit}
database mdb
maxsize 67108864
suffix "{suffix}"
rootdn "{administrator}"
rootpw "{secret}"
directory {directory}/data
index objectClass,entryUUID,modifyTimestamp eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{service}" read by * none
"""

GIVEN = ("민준", "서연", "陽菜", "蓮", "Анна", "Дмитрий", "Zoë", "José", "Mary", "Ümit")
FAMILY = ("김", "박", "佐藤", "鈴木", "Иванова", "Петров", "Müller", "García", "Smith", "Öztürk")


def _photo() -> bytes:
    made = BytesIO()
    Image.new("RGB", (96, 128), "teal").save(made, "JPEG")
    return made.getvalue()


PHOTO = _photo()
"""What begins as a JPEG does."""


@attrs.frozen
class Person:
    """Somebody in the directory."""

    uid: str
    name: str

    @property
    def dn(self) -> str:
        return f"uid={self.uid},{PEOPLE}"


def people(number: int) -> list[Person]:
    """So many people; each name is that of a hundredth of them, with a number."""
    return [
        Person(f"user{n}", f"{GIVEN[n % 10]} {FAMILY[n // 10 % 10]} {n}") for n in range(number)
    ]


def ldif(dn: str, attributes: Mapping[str, str | bytes | Sequence[str]]) -> str:
    """One entry as RFC 2849 writes it, every value in base64."""
    lines = [f"dn:: {_base64(dn)}"]
    for name, given in attributes.items():
        values = [given] if isinstance(given, str | bytes) else given
        lines += [f"{name}:: {_base64(value)}" for value in values]
    return "\n".join(lines) + "\n\n"


def _base64(value: str | bytes) -> str:
    return b64encode(value.encode() if isinstance(value, str) else value).decode()


def organisation(number: int) -> Iterator[str]:
    """Everything in the directory, people last."""
    root = ["organization", "dcObject"]
    yield ldif(SUFFIX, {"objectClass": root, "o": "Example", "dc": "example"})
    for name in ("people", "groups"):
        yield ldif(f"ou={name},{SUFFIX}", {"objectClass": "organizationalUnit", "ou": name})
    role = ["organizationalRole", "simpleSecurityObject"]
    yield ldif(SERVICE, {"objectClass": role, "cn": "mobility", "userPassword": SECRET})
    for name, members in group_members(number).items():
        yield ldif(
            f"cn={name},{GROUPS}",
            {
                "objectClass": ["groupOfNames", "extensibleObject"],
                "cn": name,
                "displayName": f"Group {name}",
                "mail": f"{name}@lists.example.test",
                "member": members,
            },
        )
    for place, person in enumerate(people(number)):
        given, family, _ = person.name.split()
        yield ldif(
            person.dn,
            {
                "objectClass": "inetOrgPerson",
                "uid": person.uid,
                "cn": person.name,
                "sn": family,
                "givenName": given,
                "mail": f"{person.uid}@example.test",
                "title": "Engineer",
                "telephoneNumber": f"+82 2 555 {1000 + place}",
                "manager": people(1)[0].dn,
                "userPassword": PASSWORD,
                **({"jpegPhoto": PHOTO} if place % 10 == 0 else {}),
            },
        )


def group_members(number: int) -> dict[str, list[str]]:
    """The names of the members of each group: all people, a few, a group of groups, and one that
    is its own member by way of it."""
    everybody = [person.dn for person in people(number)]
    return {
        "everybody": everybody,
        "few": [*everybody[:3], f"cn=nested,{GROUPS}", SERVICE],
        "nested": [f"cn=few,{GROUPS}", f"cn=everybody,{GROUPS}"],
    }


class Slapd:
    """A server over a directory of its own; it can be stopped and started again."""

    child: Child

    def __init__(self, directory: Path, *, size_limit: str = "unlimited") -> None:
        self.directory = directory.absolute()
        self.directory.mkdir()
        self.plain, self.tls = free_port(), free_port()
        self._program = program("slapd", "slapd")
        self._modify = program("ldapmodify", "ldap-utils")
        authority = certificate_authority("tests' directory", datetime.now(UTC))
        identity = server_certificate(authority, ["localhost"], datetime.now(UTC))
        write(self.directory / "ca.pem", authority.certificate_pem, mode=PUBLIC)
        write(self.directory / "server.pem", identity.certificate_pem, mode=PUBLIC)
        write(self.directory / "server.key", identity.key_pem, mode=PRIVATE)
        (self.directory / "data").mkdir()
        self.configuration = self.directory / "slapd.conf"
        self.configuration.write_text(
            CONFIGURATION.format(
                directory=self.directory,
                suffix=SUFFIX,
                administrator=ADMINISTRATOR,
                service=SERVICE,
                secret=SECRET,
                size_limit=size_limit,
            )
        )

    @property
    def ca(self) -> Path:
        return self.directory / "ca.pem"

    async def load(self, entries: Iterable[str]) -> None:
        """Put entries into the database while the server does not run."""
        file = self.directory / "content.ldif"
        file.write_text("".join(entries))
        slapadd = shutil.which("slapadd", path="/usr/sbin") or "slapadd"
        await self._done([slapadd, "-q", "-f", str(self.configuration), "-l", str(file)])

    async def start(self) -> None:
        urls = f"ldap://127.0.0.1:{self.plain}/ ldaps://127.0.0.1:{self.tls}/"
        arguments = [self._program, "-h", urls, "-f", str(self.configuration), "-d", "0"]
        self.child = Child(arguments, self.directory)
        await self.child.listening(self.tls)

    async def stop(self) -> None:
        await self.child.stop()

    async def change(self, text: str) -> None:
        """Apply changes (RFC 2849 change records) as the administrator."""
        file = self.directory / "change.ldif"
        file.write_text(text)
        url = f"ldap://127.0.0.1:{self.plain}"
        bind = ["-x", "-D", ADMINISTRATOR, "-w", SECRET]
        await self._done([self._modify, "-H", url, *bind, "-f", str(file)])

    async def remove(self, *gone: Person) -> None:
        """Remove people."""
        await self.change("".join(f"dn: {one.dn}\nchangetype: delete\n\n" for one in gone))

    async def replace(self, person: Person, attribute: str, value: str) -> None:
        """Give a person another value of an attribute."""
        await self.change(
            f"dn: {person.dn}\nchangetype: modify\n"
            f"replace: {attribute}\n{attribute}:: {_base64(value)}\n\n"
        )

    async def _done(self, arguments: list[str]) -> Outcome:
        outcome = await run(arguments)
        if outcome.status:
            raise RuntimeError(f"{arguments[0]} ended with {outcome.status}: {outcome.err}")
        return outcome
