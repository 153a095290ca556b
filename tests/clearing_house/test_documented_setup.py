"""docs/push.md, followed to the letter by somebody who sets a clearing house up."""

import json
import re
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mobility.clearing_house.settings import load
from mobility.config import load as load_front_end
from mobility.operate.listeners import Listener
from mobility.operate.log import LogFile
from mobility.operate.peer_tls import PeerTls
from mobility.pki import PRIVATE, certificate_authority, server_certificate, write
from mobility.push.clearing_house import MutualTls
from mobility.push.wire import UNKNOWN, VERDICTS_PATH
from mobility.push_doubles.providers import EMAIL, PROJECT, _pem
from mobility.push_federation import around_nobody, federated_house
from mobility.push_tap import ClearingHouseService
from mobility.testing import MemoryLog
from tests.clearing_house.raw import connect
from tests.interop.front_end_process import FrontEndProcess

PAGE = (Path(__file__).parents[2] / "docs" / "push.md").read_text()
HOST = "push.example.org"
POLL = f"GET {VERDICTS_PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def blocks(kind: str, having: str) -> str:
    """The block of the page that has this in it."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (block,) = [one for one in found if having in one]
    return str(block)


def replaced(text: str, before: str, after: str) -> str:
    """A text with another passage, which is there once."""
    if text.count(before) != 1:
        raise ValueError(f"{before!r} is there {text.count(before)} times")
    return text.replace(before, after)


def port_of(listener: Listener) -> int:
    return int(listener.address.rpartition(":")[2])


class DocumentedSetupTests(TestCase):
    timeout = 240

    async def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        shown = blocks("console", "openssl req")
        script = "".join(line[2:] + "\n" for line in shown.splitlines() if line[:2] in ("$ ", "> "))
        (vapid,) = re.findall(r"# (openssl ecparam .*)", PAGE)
        await deferToThread(
            subprocess.run,
            ["sh", "-e", "-c", f"{script}\n{vapid}"],
            cwd=self.directory,
            check=True,
            capture_output=True,
        )

    def clearing_house(self, sip: str = "") -> ClearingHouseService:
        """The one of the page, at free ports; `sip` is put into its table of that name."""
        directory = self.directory
        key = _pem(ec.generate_private_key(ec.SECP256R1()))
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": _pem(rsa.generate_private_key(65_537, 2_048)).decode(),
            "client_email": EMAIL,
            "token_uri": "https://oauth2.googleapis.com/token",
        }
        write(directory / "AuthKey_ABC123DEFG.p8", key, mode=PRIVATE)
        write(directory / "service-account.json", json.dumps(account).encode(), mode=PRIVATE)
        write(directory / "wns.secret", b"secret", mode=PRIVATE)
        text = re.sub(r"tcp:\d+", "tcp:0", blocks("toml", "[[organisation]]"))
        config = directory / "clearing-house.toml"
        config.write_text(replaced(text, "\n[operator]", f"{sip}\n[operator]"))
        file = LogFile(str(directory / "log"), "test")
        service = ClearingHouseService(load(config), file, reactor, time.time)
        service.privilegedStartService()
        self.addCleanup(service.stopService)
        return service

    async def test_clearing_house(self) -> None:
        """The certificates of the page, its VAPID key and its configuration are one clearing house,
        which knows the front end by its certificate; the providers' files are the providers'."""
        port = port_of(self.clearing_house().listeners[0])
        tls = self.directory / "tls"
        raw = await connect(reactor, port, tls / "push-ca.pem", tls / "fe1.pem", HOST)
        self.addCleanup(raw.close)
        ((status, body),) = await raw.ask(POLL)
        self.assertEqual((status, json.loads(body)["verdicts"]), (200, []))

    def test_front_end(self) -> None:
        """Its configuration of a front end is read, and the certificates can be used."""
        process = FrontEndProcess(self.directory / "fe")
        (self.directory / "tls").rename(process.directory / "push-tls")
        text = blocks("toml", "every key is in configuration.md").replace("tls/", "push-tls/")
        with process.config.open("a", encoding="utf-8") as config:
            config.write(text)
        push = load_front_end(process.config).push
        self.assertEqual(push.clearing_house, f"https://{HOST}:7443")
        MutualTls(push.certificate, push.key, push.ca).check(str(process.config))

    async def test_edge(self) -> None:
        """Its configuration for an Access Edge asks the SIP side of its clearing house, which
        stands in for the Edge: the front end is known by its certificate, and the Edge to it."""
        tls = self.directory / "tls"
        now = datetime.now(UTC)
        authority = certificate_authority("Edge", now)
        edge = server_certificate(authority, ["localhost"], now)
        write(tls / "edge-ca.pem", authority.certificate_pem, mode=0o644)
        write(tls / "edge.pem", edge.certificate_pem, mode=0o644)
        write(tls / "edge.key", edge.key_pem, mode=PRIVATE)
        own = 'certificate = "tls/edge.pem"\nkey = "tls/edge.key"\n'
        port = port_of(self.clearing_house(own).listeners[2])
        block = blocks("toml", "[topology.edge]").replace("tls/", "../tls/")
        block = replaced(block, '"edge.example.com"', f'"localhost"\nport = {port}\n')
        tables, sip, identity = block.partition("[sip]\n")
        self.assertTrue(sip)
        process = FrontEndProcess(self.directory / "fe")
        process.configure('server_fqdn = "localhost"', 'server_fqdn = "fe1.example.org"')
        process.configure('peer_ca = "tls/ca.pem"', f"{identity}\n")
        with process.config.open("a", encoding="utf-8") as config:
            config.write(tables)
        settings = load_front_end(process.config)
        federated = federated_house(settings)
        if federated is None:
            raise RuntimeError("the page configures no clearing house at a SIP address")
        house, way = federated
        around, connections = around_nobody(settings, PeerTls(settings), reactor, MemoryLog())
        self.addCleanup(connections.close)
        self.addCleanup(around.core.stop)
        way.open(around)
        (found,) = await house.whereabouts(["nothing"])
        self.assertEqual((found.id, found.place), ("nothing", UNKNOWN))
