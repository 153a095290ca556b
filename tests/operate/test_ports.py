"""Ports of the machine the tests run on."""

import random
import socket
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from mobility.operate.ports import (
    HIGHEST_OFFSET,
    STANDARD_OFFSET,
    STANDARD_PORTS,
    claimed,
    free_offset,
    obstacle,
)


class PortTests(SynchronousTestCase):
    """Whether one can listen."""

    def test_obstacle(self) -> None:
        """A port is taken while somebody listens on it, and on its address alone."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            port = other.getsockname()[1]
            other.listen()
            self.assertEqual(obstacle("127.0.0.1", port), "Address already in use")
            self.assertEqual(obstacle("", port), "Address already in use")
            self.assertEqual(obstacle("127.0.0.2", port), "")
        self.assertEqual(obstacle("127.0.0.1", port), "")

    def test_not_here(self) -> None:
        """An address of another machine, or none at all, is told."""
        self.assertEqual(obstacle("192.0.2.1", 0), "Cannot assign requested address")
        self.assertNotEqual(obstacle("no.such.host.invalid", 0), "")

    def test_offset(self) -> None:
        """All standard ports are free at the offset, and none is beyond the last port."""
        with free_offset() as offset:
            self.assertLessEqual(offset, HIGHEST_OFFSET)
            self.assertEqual({obstacle("127.0.0.1", p + offset) for p in STANDARD_PORTS}, {""})

    def test_claimed(self) -> None:
        """Who asks while an offset is held gets none with the same ports, and afterwards may."""
        with free_offset() as one, free_offset() as other:
            ports = [{port + offset for port in STANDARD_PORTS} for offset in (one, other)]
            self.assertFalse(ports[0] & ports[1])
            with claimed([443 + one]) as mine:
                self.assertFalse(mine)
        with claimed([443 + one]) as mine:
            self.assertTrue(mine)

    def test_other_process(self) -> None:
        """A claim holds against other processes, and ends with the one that has it."""
        text = (
            "from mobility.operate.ports import claimed\n"
            "import sys\n"
            "with claimed([int(sys.argv[1])]) as mine: print(mine)"
        )
        taken, free = random.sample(range(1, STANDARD_OFFSET), 2)  # which nobody else asks for
        with claimed([taken]) as mine:
            self.assertTrue(mine)
            for port, expected in ((taken, "False"), (free, "True")):
                done = subprocess.run(
                    [sys.executable, "-c", text, str(port)],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                self.assertEqual(expected, done.stdout.strip())
