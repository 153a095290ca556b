"""Photos in other sizes, made by Pillow in threads of its own.

What is uploaded may be hostile: only JPEG and PNG are read, the size is known before the pixels
are, and what comes out has no metadata.
"""

import warnings
from io import BytesIO

from PIL import Image, ImageOps, UnidentifiedImageError
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from mobility.domain.photos import NoPicture

FORMATS = ("JPEG", "PNG")

MAX_PIXELS = 50_000_000
"""Pixels of a picture that is read (our choice: today's phone cameras; 150 MB while it is)."""

QUALITY = 85
"""Of the JPEG that is kept (Pillow's scale; above it files grow and faces do not gain)."""

THREADS = 1
"""Threads that make pictures: uploads are rare, and small sizes are remembered (our choice)."""


class PillowDarkroom(Service):
    """Makes square JPEGs; see `mobility.domain.photos.Darkroom`."""

    def __init__(self, reactor: IReactorFromThreads) -> None:
        self._reactor = reactor
        self._threads = ThreadPool(minthreads=0, maxthreads=THREADS, name="mobility-darkroom")

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]  # Twisted has no hints here
        self._threads.start()

    def stopService(self) -> None:
        """Wait for the pictures under way."""
        super().stopService()  # type: ignore[no-untyped-call]  # as above
        if self._threads.started:
            self._threads.stop()

    def square(self, image: bytes, edge: int) -> Deferred[bytes]:
        """A square JPEG with an edge of at most `edge` pixels.  Raises NoPicture."""
        return deferToThreadPool(self._reactor, self._threads, square, image, edge)


def square(image: bytes, edge: int) -> bytes:
    """The middle of a picture, upright, as a square JPEG of at most `edge` pixels a side.

    Raises NoPicture for what is no JPEG or PNG, is broken, or has more than MAX_PIXELS.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(image), formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise NoPicture("The picture has too many pixels.")
                return _squared(picture, edge)
    except NoPicture:
        raise
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,  # what Pillow's PNG reader raises for broken chunks
        EOFError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise NoPicture("The picture cannot be read.") from error


def _squared(picture: Image.Image, edge: int) -> bytes:
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    side = min(edge, upright.width, upright.height)
    fitted = ImageOps.fit(upright, (side, side))
    plain = Image.new("RGB", fitted.size, "white")
    plain.paste(fitted, mask=fitted.getchannel("A"))
    made = BytesIO()
    plain.save(made, "JPEG", quality=QUALITY)
    return made.getvalue()
