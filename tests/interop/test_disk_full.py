"""A full disk: refusals instead of losses, and recovery without a restart."""

import os
import shutil
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.interop.child import cannot_run, program, run
from tests.interop.correspondent import LAST_WORD, Correspondent
from tests.interop.front_end_process import FrontEndProcess

DISK_BYTES = 6 * 1024 * 1024
TEXT = "x" * 4_000
"""What makes a message fill the disk."""

TRIES = 5_000
"""More messages than the disk has room for."""


class DiskFullTests(TestCase):
    """A front end whose store is on a disk of its own, which is small."""

    timeout = 300

    async def setUp(self) -> None:
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.disk = self.process.directory / "disk"
        self.disk.mkdir()
        await self._mount()
        database = self.process.directory / "data" / "mobility.sqlite"
        shutil.move(database, self.disk)
        path = self.disk / database.name
        self.process.configure("[log]\n", f'[store]\npath = "{path}"\n\n[log]\n')
        await self.process.run_for(self)

    async def _mount(self) -> None:
        mount, umount = program("mount", "mount"), program("umount", "mount")
        size = f"size={DISK_BYTES}"
        outcome = await run([mount, "-t", "tmpfs", "-o", size, "tmpfs", str(self.disk)])
        if outcome.status != 0:
            cannot_run(f"only root can mount a small disk: {outcome.err.strip()}")
        self.addCleanup(run, [umount, str(self.disk)])

    def fill(self) -> Path:
        """Take all room that is left on the disk; the file that does."""
        ballast = self.disk / "ballast"
        free = os.statvfs(self.disk)
        ballast.write_bytes(bytes(free.f_bavail * free.f_frsize))
        return ballast

    async def test_refuses_and_recovers(self) -> None:
        """When the disk is full, a message is answered 503 with Retry-After and readiness ends;
        when there is room again, the same process takes messages, and each message that was
        acknowledged has arrived once and in order."""
        http = self.process.client(self)
        alice, bob = (Correspondent(http, self.process.external, name) for name in ("alice", "bob"))
        for person in (alice, bob):
            await person.sign_in()
        listening = Deferred.fromCoroutine(bob.listen())
        waiting = Deferred.fromCoroutine(alice.listen())
        await alice.meet(bob)
        await alice.send("0")
        ballast = self.fill()

        refused = await self._send_until_refused(alice)
        await self._send_until_refused(bob)
        ready = await http.get(f"{self.process.operator}/readyz")
        self.assertEqual(ready.code, 503)
        self.assertEqual((await ready.json())["reasons"], ["the store cannot be written"])
        await alice.expect(200, "GET", alice.links["application"])
        body = {"message": "not stored"}
        note = await alice.expect(503, "POST", alice.links["note"], json=body)
        self.assertEqual(note.document["code"], "ServiceUnavailable")

        ballast.unlink()
        await self.process.logged("store.recovered")
        await self.process.ready()
        await alice.send(refused)
        for person in (alice, bob):
            await person.send(LAST_WORD)
        await listening
        await waiting
        self.assertEqual(bob.read, alice.acknowledged)
        self.assertEqual(alice.read, bob.acknowledged)
        lines = await self.process.logged_times(1, "store.unavailable", reason="SQLITE_FULL")
        self.assertEqual(len(lines), 1)
        self.assertEqual(self.process.events("http.failure"), [])
        self.assertEqual(await self.process.child.stop(), 0)

    async def _send_until_refused(self, person: Correspondent) -> str:
        """Send messages until one is refused as it should be; that one."""
        for number in range(1, TRIES):
            text = f"{number} {TEXT}"
            reply = await person.attempt(text)
            if reply.status != 201:
                self.assertEqual(
                    (reply.status, reply.document["code"]), (503, "ServiceUnavailable")
                )
                self.assertRegex(reply.header("Retry-After"), r"^[1-9][0-9]*$")
                return text
        raise AssertionError("the disk never was full")
