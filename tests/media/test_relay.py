"""Credentials for media relays."""

import hmac
from base64 import b64decode

from twisted.trial.unittest import SynchronousTestCase

from mobility.media.relay import relay_credentials

SECRET = b"a secret that is long enough"
ALICE = "sip:alice@example.test"


class RelayTests(SynchronousTestCase):
    def test_as_relays_check_them(self) -> None:
        """The password is the HMAC-SHA1 of the user name, which begins with its expiry."""
        found = relay_credentials(SECRET, ALICE, 1_750_000_000.5, 600)
        self.assertEqual(found.valid_until, 1_750_000_600)
        self.assertTrue(found.user_name.startswith("1750000600:"))
        digest = hmac.new(SECRET, found.user_name.encode(), "sha1").digest()
        self.assertEqual(b64decode(found.password), digest)

    def test_names_nobody(self) -> None:
        """A user name says who it is to nobody who lacks the secret, and is the same each time."""
        first = relay_credentials(SECRET, ALICE, 1.0, 600)
        later = relay_credentials(SECRET, ALICE, 2.0, 600)
        other = relay_credentials(SECRET, "sip:bob@example.test", 1.0, 600)
        names = [one.user_name.partition(":")[2] for one in (first, later, other)]
        self.assertEqual(names[0], names[1])
        self.assertNotEqual(names[0], names[2])
        self.assertNotIn("alice", first.user_name)
        self.assertNotIn(first.password, repr(first))
