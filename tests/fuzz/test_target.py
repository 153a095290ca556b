"""The fuzz target over its seeds, and over what it has found."""

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.target import SEEDS, Broken, answered, framed, torment
from tests.sip.rfc4475 import MESSAGES


class SeedTests(SynchronousTestCase):
    def test_seeds(self) -> None:
        """Everything that must hold holds for every seed."""
        seeds = dict(MESSAGES)
        for directory in SEEDS:
            seeds.update((path.name, path.read_bytes()) for path in directory.iterdir())
        self.assertGreater(len(seeds), 61)
        for name, seed in seeds.items():
            try:
                torment(seed)
            except Exception as error:
                raise AssertionError(name) from error

    def test_sees(self) -> None:
        """The target looks: an answer that is a request is found, and faults have a status."""
        with self.assertRaises(Broken):
            answered(b"OPTIONS sip:a SIP/2.0\r\n\r\n")
        self.assertEqual(framed(b"X\r\nl: x\r\n\r\n", 1), ([], 400))
