"""Whose photo comes from where."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.photos import LocalPhotos, Photos, Picture
from mobility.domain.records import User

ANN = User("sip:ann@example.test", "Ann", photo=b"here")
BEN = User("sip:ben@example.test", "Ben", source="elsewhere")


class Elsewhere:
    """Has a photo of everybody."""

    async def photo_of(self, user: User) -> Picture | None:
        return Picture(b"elsewhere")


class PhotosTests(SynchronousTestCase):
    def photo(self, photos: Photos, user: User) -> Picture | None:
        return self.successResultOf(Deferred.fromCoroutine(photos.photo_of(user)))

    def test_source(self) -> None:
        """A user's source has the photo; one whose source is gone has none."""
        photos = Photos({"": LocalPhotos(), "elsewhere": Elsewhere()})
        self.assertEqual(self.photo(photos, ANN), Picture(b"here"))
        self.assertEqual(self.photo(photos, BEN), Picture(b"elsewhere"))
        self.assertIsNone(self.photo(photos, User("sip:local@example.test", "Local")))
        self.assertIsNone(self.photo(Photos({"": LocalPhotos()}), BEN))

    def test_version(self) -> None:
        """The version is the image's."""
        self.assertEqual(Picture(b"a").version, Picture(b"a").version)
        self.assertNotEqual(Picture(b"a").version, Picture(b"b").version)
