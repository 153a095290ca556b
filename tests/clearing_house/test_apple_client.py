"""The double of APNs, as an independent client of Apple's service finds it."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mobility.push_doubles.apns import Reply
from mobility.push_doubles.providers import APP, KEY_ID, TEAM, Providers
from tests.clearing_house.sender import Sender

TOKEN = "ab" * 32
ALERT = {"aps": {"alert": "Hello"}}


class AppleClientTests(TestCase):
    """aioapns sends to the double over HTTP/2."""

    timeout = 240
    if find_spec("aioapns") is None:
        skip = "needs aioapns: pip install 'mobility[test]'"

    async def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir(parents=True)
        self.providers = Providers(self.directory, reactor)
        await self.providers.start()
        self.addCleanup(self.providers.stop)
        self.providers.write_config("fe.example.test", federation_port=0, operator_port=0)

    async def sent(self, *pushes: dict[str, Any], **changes: str) -> list[list[str]]:
        """What became of pushes: status and description of each."""
        told = {
            "host": "localhost",
            "port": self.providers.apns_port,
            "ca": str(self.directory / "ca.pem"),
            "key": (self.directory / "apns.p8").read_text(),
            "key_id": KEY_ID,
            "team": TEAM,
            "topic": APP,
            "pushes": [{"token": TOKEN, "payload": ALERT, **one} for one in pushes],
            **changes,
        }
        client = Sender(json.dumps(told).encode())
        command = [sys.executable, "-m", "tests.clearing_house.apple_client"]
        reactor.spawnProcess(  # type: ignore[attr-defined]
            client, command[0], command, env=None, path=str(Path(__file__).parents[2])
        )
        found: list[list[str]] = json.loads(await client.ended)
        return found

    async def test_taken(self) -> None:
        """What a real client sends is taken, and arrives as it was sent."""
        alert = {"type": "alert", "priority": 10}
        quiet = {
            "type": "background",
            "priority": 5,
            "payload": {"aps": {"content-available": 1}},
        }
        call = {"type": "voip", "priority": 10, "topic": f"{APP}.voip"}
        self.assertEqual(await self.sent(alert, quiet, call), [["200", ""]] * 3)
        received = self.providers.apns.received
        self.assertEqual([one.payload for one in received], [ALERT, quiet["payload"], ALERT])
        self.assertEqual(len({one.connection for one in received}), 1)

    async def test_refused(self) -> None:
        """It understands how the double refuses what Apple refuses."""
        alert = {"type": "alert", "priority": 10}
        results = await self.sent(
            {**alert, "topic": "com.example.other"},
            {"type": "background", "priority": 10},
            {**alert, "payload": {"aps": {"alert": "x" * 4_096}}},
        )
        self.assertEqual([one[0] for one in results], ["400", "400", "413"])
        self.assertEqual(results[2][1], "PayloadTooLarge")
        (wrong,) = await self.sent(alert, team="ANOTHERONE")
        self.assertEqual(wrong, ["403", "InvalidProviderToken"])
        self.providers.apns.decide = lambda _: Reply(410, "Unregistered", 1_800_000_000_000)
        self.assertEqual(await self.sent(alert), [["410", "Unregistered"]])
        self.assertEqual(self.providers.apns.received, [])
