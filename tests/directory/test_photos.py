"""Photos from the directory."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.directory.photos import JPEG, PNG, DirectoryPhotos
from mobility.directory.searches import Searches
from mobility.directory.servers import Servers
from mobility.domain.records import User
from mobility.errors import Unavailable
from mobility.testing import MemoryLog
from tests.directory.doubles import SECRET, SERVICE, MemoryServers, done, person, settings
from tests.directory.test_connection import started

GOOD = JPEG + b" a photo"


def user(name: str) -> User:
    dn, _ = person(name)
    return User(f"sip:{name}@example.test", name, source="ldap", source_name=dn)


class DirectoryPhotosTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog()
        self.memory = MemoryServers(self.clock)
        self.settings = settings(photo_max_bytes=1024, photo_cache_photos=2)
        servers = Servers(self.settings, self.memory, self.clock.seconds, self.log)
        self.photos = DirectoryPhotos(
            self.settings,
            Searches(servers, SERVICE, SECRET),
            ("thumbnailphoto", "jpegphoto"),
            self.clock.seconds,
            self.log,
            lambda uri: f"~{uri}",
        )
        self.have(jpegPhoto=GOOD)

    def have(self, **attributes: bytes) -> None:
        for server in (self.memory.one, self.memory.two):
            server.entries = [person("ann", **attributes)]

    def image(self, name: str = "ann") -> bytes | None:
        picture = self.successResultOf(started(self.photos.photo_of(user(name))))
        return None if picture is None else picture.image

    @property
    def reads(self) -> int:
        return len(self.memory.one.marks)

    def test_kept(self) -> None:
        """A photo is read once and kept for its time, and so is that there is none."""
        for _ in range(3):
            self.assertEqual(self.image(), GOOD)
        self.have()
        self.clock.advance(self.settings.photo_cache_s - 1)
        self.assertEqual((self.image(), self.reads), (GOOD, 1))
        self.clock.advance(1)
        for _ in range(2):
            self.assertIsNone(self.image())
        self.assertEqual(self.reads, 2)

    def test_few_are_kept(self) -> None:
        """The oldest go first when there are too many."""
        for name in ("ann", "ben", "cat", "ben", "ann"):
            self.image(name)
        self.assertEqual(self.reads, 4)

    def test_first_good(self) -> None:
        """The first attribute counts if its value is a photo; what is none is logged."""
        self.have(thumbnailPhoto=PNG + b"1", jpegPhoto=GOOD)
        self.assertEqual(self.image(), PNG + b"1")
        self.have(thumbnailPhoto=b"GIF89a", jpegPhoto=GOOD)
        self.assertEqual(self.image("ben"), GOOD)
        self.have(jpegPhoto=JPEG + bytes(1024))
        self.assertIsNone(self.image("cat"))
        ignored = [(f["user"], f["reason"], f["size"]) for _, f in self.log.events]
        self.assertEqual(
            ignored,
            [
                ("~sip:ben@example.test", "format", 6),
                ("~sip:cat@example.test", "too_large", 1027),
            ],
        )

    def test_away(self) -> None:
        """While the directory is away an old photo is shown; without one the client is told."""
        self.image()
        self.clock.advance(self.settings.photo_cache_s)
        self.memory.one.stop()
        self.memory.two.stop()
        self.assertEqual(self.image(), GOOD)
        failure = self.failureResultOf(started(self.photos.photo_of(user("ben"))), Unavailable)
        self.assertGreater(failure.value.retry_after_s or 0, 0)

    def test_at_once(self) -> None:
        """Many who want to see the same photo cause one search."""
        held: list[int] = []
        self.memory.one.script = lambda number, request: (
            held.append(number)
            if "Search" in type(request).__name__
            else self.memory.one.answer(number, request)
        )
        looks = [started(self.photos.photo_of(user("ann"))) for _ in range(3)]
        self.memory.one.open[0].protocol.dataReceived(done(held[0]))
        self.assertEqual([self.successResultOf(one) for one in looks], [None] * 3)
        self.assertEqual(len(held), 1)

    def test_no_attribute(self) -> None:
        """Where no attribute is mapped nobody has a photo."""
        servers = Servers(self.settings, self.memory, self.clock.seconds, self.log)
        searches = Searches(servers, SERVICE, SECRET)
        photos = DirectoryPhotos(
            self.settings, searches, (), self.clock.seconds, self.log, lambda uri: uri
        )
        self.assertIsNone(self.successResultOf(started(photos.photo_of(user("ann")))))
