"""File descriptors."""

import gc
import os
import resource

from twisted.trial.unittest import SynchronousTestCase

from mobility.operate import descriptors
from mobility.testing import MemoryLog


class DescriptorTests(SynchronousTestCase):
    """The limit on open files."""

    def test_raised(self) -> None:
        """The soft limit becomes the hard one, and the log has both."""
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
        log = MemoryLog()
        descriptors.raise_limit(log)
        self.assertEqual(limits[1], descriptors.limit())
        self.assertEqual(
            [("descriptors.limit", {"soft": limits[1], "was": 256})],
            log.events,
        )

    def test_in_use(self) -> None:
        """One more open file is one more descriptor in use."""
        gc.collect()  # what earlier tests have left open is not closed in the middle of this one
        gc.disable()
        self.addCleanup(gc.enable)
        before = descriptors.in_use()
        with open(os.devnull):
            self.assertEqual(before + 1, descriptors.in_use())
        self.assertEqual(before, descriptors.in_use())
