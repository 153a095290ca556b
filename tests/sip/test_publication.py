"""What is published, and under which entity-tag (RFC 3903)."""

from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.publication import PublicationRefused, Publications

ALICE, BOB = "sip:alice@example.test", "sip:bob@example.test"


class PublicationsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.count = 0
        self.publications: Publications[str] = Publications(self.etag, 2)

    def etag(self) -> str:
        self.count += 1
        return f"etag{self.count}"

    def publish(self, etag: str, content: str | None, expires_at: float, now: float) -> str:
        made = self.publications.publish(ALICE, etag, content, expires_at, now)
        return "" if made is None else made.etag

    def refused(self, etag: str, content: str | None, expires_at: float, now: float) -> int:
        with self.assertRaises(PublicationRefused) as raised:
            self.publish(etag, content, expires_at, now)
        return raised.exception.status

    def test_life(self) -> None:
        """A publication is made, refreshed, changed and removed, each time under another tag."""
        first = self.publish("", "open", 100.0, 0.0)
        second = self.publish(first, None, 200.0, 50.0)
        self.assertEqual(self.publications.of(ALICE, 150.0), ["open"])
        third = self.publish(second, "closed", 300.0, 150.0)
        self.assertEqual(self.publications.of(ALICE, 150.0), ["closed"])
        self.assertEqual(len({first, second, third}), 3)
        self.assertEqual(self.publish(third, None, 160.0, 160.0), "")
        self.assertEqual((self.publications.of(ALICE, 160.0), len(self.publications)), ([], 0))

    def test_unknown_tag(self) -> None:
        """An entity-tag of nothing, of another user, or of what has expired fails its condition."""
        etag = self.publish("", "open", 100.0, 0.0)
        self.assertEqual(self.refused("other", None, 200.0, 0.0), 412)
        self.assertEqual(self.refused(etag, None, 200.0, 100.0), 412)
        with self.assertRaises(PublicationRefused):
            self.publications.publish(BOB, etag, None, 50.0, 0.0)

    def test_nothing(self) -> None:
        """A new publication must publish something."""
        self.assertEqual(self.refused("", None, 100.0, 0.0), 400)

    def test_bound(self) -> None:
        """A user has so many publications and no more; those that expired do not count."""
        self.publish("", "a", 100.0, 0.0)
        self.publish("", "b", 50.0, 0.0)
        self.assertEqual(self.refused("", "c", 100.0, 0.0), 403)
        self.publish("", "c", 200.0, 60.0)
        self.assertEqual(self.publications.of(ALICE, 60.0), ["a", "c"])

    def test_expiry(self) -> None:
        """What is over is forgotten, and it is told whom that concerns."""
        self.publish("", "a", 10.0, 0.0)
        self.publish("", "b", 10.0, 0.0)
        self.publications.publish(BOB, "", "c", 20.0, 0.0)
        self.assertEqual(self.publications.expire(10.0), [ALICE])
        self.assertEqual(list(self.publications), [BOB])
        self.publications.forget(BOB)
        self.assertEqual(len(self.publications), 0)
