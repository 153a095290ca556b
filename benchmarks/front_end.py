"""A front end under measurement: its directory, the people prepared in its store, its process."""

import hashlib
import re
import secrets
import subprocess
import sys
import sysconfig
import time
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from benchmarks.client import Connection, UnexpectedAnswer, request_bytes, trusting
from benchmarks.server import Certificate, Server
from mobility.auth.passwords import Hashing, digest_hashes
from mobility.auth.tokens import PREFIX, TOKEN_BYTES
from mobility.config import Config, load, operator_address
from mobility.domain.ledger import Unit
from mobility.domain.records import Token, User
from mobility.operate.ports import free_offset
from mobility.store.connection import connect_writer
from mobility.store.schema import migrate
from mobility.store.transactor import Transactor

SIP_DOMAIN = "bench.example"
PASSWORD = "correct horse battery staple"
TOKEN_LIFE_S = 28_800.0

_SCRIPTS = Path(sysconfig.get_path("scripts"))
_PARKED = re.compile(rb"^mobility_parked (\d+)", re.MULTILINE)


@attrs.frozen(slots=True)
class Person:
    """A user in the store: its SIP URI, and a token that is valid from the start ("" for none)."""

    uri: str
    token: str

    @property
    def address(self) -> str:
        return self.uri.removeprefix("sip:")


class FrontEnd:
    """A front end in `directory`, as `mobility init` makes it, on ports of its own.

    `server` is `twistd -n mobility` on its external web listener; it is not started here.
    """

    def __init__(self, directory: Path) -> None:
        self.config = _initialised(directory)
        self.tls = trusting(directory / "tls" / "ca.pem")
        self.certificate = _certificate(self.config)
        self._operator_port = _operator_port(self.config)
        port = urlsplit(self.config.web.external_url).port or 443
        command = [str(_SCRIPTS / "twistd"), "-n", "--pidfile=", "mobility", "--config"]
        self.server = Server([*command, str(self.config.source)], port, directory / "front_end.log")

    def prepare(self, count: int, *, signed_in: bool, sip: bool = False) -> list[Person]:
        """Put `count` users into the store of the front end, which must not run.

        With `sip` they may register phones.

        They share one hash of PASSWORD, since making one takes as long as verifying it.
        """
        password_hash = Hashing().hash(PASSWORD)
        now = time.time()
        unit = Unit()
        people = []
        for number in range(count):
            uri = f"sip:user{number}@{SIP_DOMAIN}"
            user = User(uri, f"User {number}", password_hash, created_at=now)
            if sip:
                hashes = digest_hashes(uri, PASSWORD)
                user = attrs.evolve(user, sip_ha1_md5=hashes.md5, sip_ha1_sha256=hashes.sha256)
            unit.save(user)
            token = ""
            if signed_in:
                token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
                digest = hashlib.sha256(token.encode()).hexdigest()
                unit.save(Token(digest, uri, now, now + TOKEN_LIFE_S))
            people.append(Person(uri, token))
        self.store(unit)
        return people

    def store(self, unit: Unit) -> None:
        """Store a unit of work in the front end's store, which must not run."""
        store = self.config.store
        migrate(store.path)
        transactor = Transactor(partial(connect_writer, store.path, store.synchronous))
        (outcome,) = transactor.commit([unit])
        transactor.close()
        if isinstance(outcome, Exception):
            raise outcome

    async def parked(self) -> int:
        """How many event requests wait now, by the front end's own metrics."""
        connection = await Connection.open(self._operator_port, self.tls)
        answer = await connection.request(request_bytes("GET", "/metrics"))
        connection.close()
        found = _PARKED.search(answer.body)
        if found is None:
            raise UnexpectedAnswer("the metrics do not tell how many requests are parked")
        return int(found[1])


def _initialised(directory: Path) -> Config:
    command = [sys.executable, "-m", "mobility.cli", "init", str(directory)]
    with free_offset() as offset:
        options = [f"--sip-domain={SIP_DOMAIN}", f"--port-offset={offset}"]
        subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
    return load(directory / "mobility.toml")


def _certificate(config: Config) -> Certificate:
    """That of the external web listener, which a bound is given too."""
    for listener in config.listeners:
        if listener.site.name == "external" and listener.certificate and listener.key:
            return Certificate(listener.certificate, listener.key)
    raise RuntimeError("the external web listener speaks no TLS")


def _operator_port(config: Config) -> int:
    address = operator_address(config.operator[1].endpoint)
    if address is None:
        raise RuntimeError("the operator listener is not on loopback")
    return address[1]
