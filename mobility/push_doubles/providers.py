"""All doubles together, their credentials, and a clearing house's configuration that uses them."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred

from mobility.clearing_house.signing import Vapid
from mobility.pki import (
    PRIVATE,
    Identity,
    certificate_authority,
    peer_certificate,
    server_certificate,
    write,
)
from mobility.push_doubles.apns import ApnsDouble
from mobility.push_doubles.fcm import FcmDouble
from mobility.push_doubles.listening import ServerTls, listen
from mobility.push_doubles.pages import WebDouble
from mobility.push_doubles.web_push import PushServiceDouble
from mobility.push_doubles.wns import WnsDouble

APP = "org.example.mobility"
"""The app id of every platform."""

TEAM, KEY_ID = "TEAM123456", "KEY1234567"
PROJECT, EMAIL = "mobility-example", "push@mobility-example.iam.gserviceaccount.com"
TENANT, CLIENT = "example-tenant", "example-client"
SECRET = "a secret of the double"  # noqa: S105  # nobody's secret
SUBJECT = "mailto:push@example.test"


class Providers:
    """`directory` gets keys, certificates and the configuration; it must exist.

    Time is that of `epoch`.
    """

    def __init__(
        self, directory: Path, reactor: Any, epoch: Callable[[], float] = time.time
    ) -> None:
        self.directory = directory
        self._reactor = reactor
        now = datetime.now(UTC)
        self.authority = certificate_authority("Doubles of push providers", now)
        self._identity = server_certificate(self.authority, ["localhost", "127.0.0.1"], now)
        self._apns_key = ec.generate_private_key(ec.SECP256R1())
        self._fcm_key = rsa.generate_private_key(65_537, 2_048)
        self._vapid_key = ec.generate_private_key(ec.SECP256R1())
        self.vapid = Vapid(self._vapid_key, SUBJECT)
        self.apns = ApnsDouble(APP, TEAM, KEY_ID, self._apns_key.public_key(), reactor, epoch=epoch)
        self.fcm = FcmDouble(
            PROJECT, EMAIL, KEY_ID, self._fcm_key.public_key(), reactor, epoch=epoch
        )
        self.web_push = PushServiceDouble(reactor, self.vapid.public_key, epoch=epoch)
        self.wns = WnsDouble(TENANT, CLIENT, SECRET, reactor, epoch=epoch)
        self.apns_port = 0
        self.tls: dict[str, ServerTls] = {}
        self._ports: dict[str, Any] = {}

    async def start(self) -> None:
        """Listen on free ports."""
        await self.start_apns()
        for name, double in self._web.items():
            await self._start_web(name, double)

    async def start_apns(self) -> None:
        """Listen again after `stop_one("apns")`, on the port it had."""
        tls = self.tls["apns"] = ServerTls(self._identity, b"h2")
        port = await listen(self._reactor, self.apns.factory, tls, self.apns_port)
        self._ports["apns"], self.apns_port = port, port.getHost().port

    async def start_one(self, name: str) -> None:
        """Listen again after `stop_one`, on the port it had."""
        if name == "apns":
            await self.start_apns()
        else:
            await self._start_web(name, self._web[name])

    async def stop_one(self, name: str) -> None:
        """Be down: nobody can connect to it, and connections to APNs are cut."""
        await maybeDeferred(self._ports.pop(name).stopListening)
        if name == "apns":
            self.apns.drop()

    def stop(self) -> "Deferred[Any]":
        """Stop listening."""
        stopping = [maybeDeferred(port.stopListening) for port in self._ports.values()]
        self._ports.clear()
        self.apns.drop()
        return DeferredList(stopping)

    @property
    def _web(self) -> dict[str, WebDouble]:
        return {"fcm": self.fcm, "web_push": self.web_push, "wns": self.wns}

    async def _start_web(self, name: str, double: WebDouble) -> None:
        tls = self.tls[name] = ServerTls(self._identity, b"http/1.1")
        port = await listen(self._reactor, double.factory, tls, double.port)
        self._ports[name], double.port = port, port.getHost().port

    def write_config(
        self,
        *organisations: str,
        federation_port: int,
        operator_port: int,
        more: str = "",
    ) -> Path:
        """Write keys, certificates and `clearing-house.toml`; the file.

        Each organisation is named by the host name of its certificate; its identity goes to
        `<name>.pem` and `<name>.key`.  The authority's certificate is `ca.pem`.
        """
        directory = self.directory
        self._write_identity("server", self._identity)
        write(directory / "ca.pem", self.authority.certificate_pem, mode=0o644)
        write(directory / "apns.p8", _pem(self._apns_key), mode=PRIVATE)
        write(directory / "vapid.pem", _pem(self._vapid_key), mode=PRIVATE)
        write(directory / "wns.secret", SECRET.encode(), mode=PRIVATE)
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": KEY_ID,
            "private_key": _pem(self._fcm_key).decode(),
            "client_email": EMAIL,
            "token_uri": f"{self.fcm.url}/token",
        }
        write(directory / "fcm.json", json.dumps(account).encode(), mode=PRIVATE)
        for name in organisations:
            identity = peer_certificate(self.authority, name, datetime.now(UTC))
            self._write_identity(name, identity)
        config = directory / "clearing-house.toml"
        config.write_text(self._toml(organisations, federation_port, operator_port) + more)
        return config

    def _write_identity(self, name: str, identity: Identity) -> None:
        write(self.directory / f"{name}.pem", identity.certificate_pem, mode=0o644)
        write(self.directory / f"{name}.key", identity.key_pem, mode=PRIVATE)

    def _toml(self, organisations: tuple[str, ...], federation: int, operator: int) -> str:
        listeners = "".join(
            f"""
[{name}]
endpoint = "tcp:{port}:interface=127.0.0.1"
certificate = "server.pem"
key = "server.key"
{extra}"""
            for name, port, extra in (
                ("federation", federation, 'client_ca = "ca.pem"\n'),
                ("operator", operator, ""),
            )
        )
        senders = "".join(
            f"""
[[organisation]]
name = "{name}"
certificate_names = ["{name}"]
apps = ["org.example.*"]
pushes_per_s = 0.0
"""
            for name in organisations
        )
        open_web = "".join(
            f"""
[[{platform}]]
app_id = "{APP}"
key = "vapid.pem"
subject = "{SUBJECT}"
allowed_endpoints = ["localhost"]
allow_private_addresses = true
ca = "ca.pem"
"""
            for platform in ("webpush", "unifiedpush")
        )
        return f"""data_dir = "data"
{listeners}{senders}
[[apns]]
app_id = "{APP}"
team_id = "{TEAM}"
key_id = "{KEY_ID}"
key = "apns.p8"
server = "localhost"
port = {self.apns_port}
ca = "ca.pem"

[[fcm]]
app_id = "{APP}"
service_account = "fcm.json"
server = "{self.fcm.url}"
ca = "ca.pem"
{open_web}
[[wns]]
app_id = "{APP}"
tenant = "{TENANT}"
client_id = "{CLIENT}"
client_secret = "wns.secret"
login = "{self.wns.url}"
allowed_endpoints = ["localhost"]
allow_private_addresses = true
ca = "ca.pem"
"""


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
