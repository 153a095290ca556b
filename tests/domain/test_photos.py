"""Whose photo comes from where, and in which size."""

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.photos import LocalPhotos, NoPicture, Photos, Picture
from mobility.domain.records import Photo, User
from tests.domain.doubles import World, done, running, uri

BEN = User("sip:ben@example.test", "Ben", source="elsewhere")


class Elsewhere:
    """Has the same photo of everybody."""

    def __init__(self, image: bytes) -> None:
        self.image = image

    async def photo_of(self, user: User) -> Picture | None:
        return Picture(self.image)


class Shop:
    """Writes the size on the picture, and counts what it did."""

    def __init__(self) -> None:
        self.made = 0

    def square(self, image: bytes, edge: int) -> Deferred[bytes]:
        if image == b"broken":
            raise NoPicture
        self.made += 1
        return succeed(image.partition(b"@")[0] + f"@{edge}".encode())


class PhotosTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World("alice")
        self.shop = Shop()
        self.local = LocalPhotos(self.world.users, self.world.ledger, self.shop)
        self.photos = Photos({"": self.local, "elsewhere": Elsewhere(b"far")}, self.shop)

    def photo(self, user: User, edge: int = 48) -> bytes | None:
        picture = done(running(self.photos.of(user, edge)))
        return None if picture is None else picture.image

    @property
    def alice(self) -> User:
        user = self.world.users.find(uri("alice"))
        assert user is not None
        return user

    def test_source(self) -> None:
        """A user's source has the photo; one whose source is gone has none."""
        self.assertIsNone(self.photo(self.alice))
        done(running(self.local.put(self.alice, b"near", self.world.now)))
        self.assertEqual(self.photo(self.alice), b"near@48")
        self.assertEqual(self.photo(BEN), b"far@48")
        self.assertIsNone(self.photo(User("sip:x@example.test", "X", source="gone")))

    def test_remembered(self) -> None:
        """A size is made once, until the photo changes."""
        done(running(self.local.put(self.alice, b"one", self.world.now)))
        for edge in (48, 64, 48, 64):
            self.assertEqual(self.photo(self.alice, edge), f"one@{edge}".encode())
        self.assertEqual(self.shop.made, 3)
        done(running(self.local.put(self.alice, b"two", self.world.now)))
        self.assertEqual(self.photo(self.alice), b"two@48")

    def test_removed(self) -> None:
        """A photo that is taken away is gone from the store."""
        done(running(self.local.put(self.alice, b"one", self.world.now)))
        self.assertEqual(len(self.world.stored(Photo)), 1)
        done(running(self.local.remove(self.alice, self.world.now)))
        self.assertIsNone(self.photo(self.alice))
        self.assertEqual(self.world.stored(Photo), [])

    def test_broken(self) -> None:
        """A directory's photo that cannot be read is none; the user's own is refused."""
        photos = Photos({"elsewhere": Elsewhere(b"broken")}, self.shop)
        self.assertIsNone(done(running(photos.of(BEN, 48))))
        putting = running(self.local.put(self.alice, b"broken", self.world.now))
        self.failureResultOf(putting, NoPicture)

    def test_version(self) -> None:
        """The version is the image's."""
        self.assertEqual(Picture(b"a").version, Picture(b"a").version)
        self.assertNotEqual(Picture(b"a").version, Picture(b"b").version)
