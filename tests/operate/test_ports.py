"""Ports of the machine the tests run on."""

import socket

from twisted.trial.unittest import SynchronousTestCase

from mobility.operate.ports import HIGHEST_OFFSET, STANDARD_PORTS, free_offset, obstacle


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
        self.assertIn("not known", obstacle("no.such.host.invalid", 0))

    def test_offset(self) -> None:
        """All standard ports are free at the offset, and none is beyond the last port."""
        offset = free_offset()
        self.assertLessEqual(offset, HIGHEST_OFFSET)
        self.assertEqual({obstacle("127.0.0.1", p + offset) for p in STANDARD_PORTS}, {""})
