"""docs/push.md, followed to the letter by somebody who sets a clearing house up."""

import json
import re
import subprocess
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mobility.clearing_house.settings import load
from mobility.config import load as load_front_end
from mobility.operate.log import LogFile
from mobility.pki import PRIVATE, write
from mobility.push.clearing_house import MutualTls
from mobility.push.wire import VERDICTS_PATH
from mobility.push_doubles.providers import EMAIL, PROJECT, _pem
from mobility.push_tap import ClearingHouseService
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

    async def test_clearing_house(self) -> None:
        """The certificates of the page, its VAPID key and its configuration are one clearing house,
        which knows the front end by its certificate; the providers' files are the providers'."""
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
        config.write_text(text)
        file = LogFile(str(directory / "log"), "test")
        service = ClearingHouseService(load(config), file, reactor, time.time)
        service.privilegedStartService()
        self.addCleanup(service.stopService)
        port = int(service.listeners[0].address.rpartition(":")[2])
        tls = directory / "tls"
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
