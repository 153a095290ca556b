"""Baresip as a user's phone."""

from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.interop.baresip import Baresip
from tests.interop.child import program
from tests.interop.front_end_process import PASSWORD, FrontEndProcess


class BaresipTests(TestCase):
    """Listeners for phones, over UDP and TCP."""

    timeout = 300

    async def setUp(self) -> None:
        program("baresip", "baresip-core")
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.port = self.process.listen_for_phones("udp", "tcp")
        await self.process.run_for(self)

    async def phone(self, transport: str, password: str = PASSWORD) -> Baresip:
        phone = Baresip(
            Path(self.mktemp()),
            self.process.ca,
            "alice@example.test",
            password,
            self.port,
            transport,
        )
        self.addCleanup(phone.stop)
        return phone

    async def test_registers(self) -> None:
        """It registers with a password, over each transport, and signs out when it ends."""
        for transport in ("udp", "tcp"):
            phone = await self.phone(transport)
            await phone.says("200 OK")
            await phone.stop()
            listener = f"phones-{transport}"
            lines = await self.process.logged_times(
                4, "sip.request", listener=listener, method="REGISTER"
            )
            self.assertEqual([line["status"] for line in lines], [401, 200] * 2)

    async def test_wrong_password(self) -> None:
        """With a wrong password it stays outside, and the log says so without a name."""
        await self.phone("udp", "wrong")
        line = await self.process.logged("sip.signin_failed")
        self.assertEqual((line["reason"], line["peer"]), ("password", "127.0.0.1"))
        self.assertNotIn("alice", str(line))
