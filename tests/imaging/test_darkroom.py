"""Square JPEGs out of whatever is sent."""

from io import BytesIO

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.photos import NoPicture, edge_of
from mobility.imaging import darkroom
from mobility.imaging.darkroom import square


def encoded(picture: Image.Image, kind: str, **more: object) -> bytes:
    made = BytesIO()
    picture.save(made, kind, **more)
    return made.getvalue()


class SquareTests(SynchronousTestCase):
    """square."""

    def made(self, image: bytes, edge: int) -> Image.Image:
        shown = Image.open(BytesIO(square(image, edge)))
        self.assertEqual(shown.format, "JPEG")
        return shown

    def test_middle(self) -> None:
        """The middle of a wide picture is kept, and small ones are not blown up."""
        wide = Image.new("RGB", (300, 100), "red")
        wide.paste("blue", (100, 0, 200, 100))
        shown = self.made(encoded(wide, "PNG"), 80)
        self.assertEqual(shown.size, (80, 80))
        red, _, blue = shown.getpixel((40, 40))  # type: ignore[misc]  # an RGB picture
        self.assertTrue(blue > 200 > 60 > red)
        self.assertEqual(self.made(encoded(wide, "PNG"), 648).size, (100, 100))

    def test_upright(self) -> None:
        """A camera's orientation is applied, and nothing else of its metadata stays."""
        picture = Image.new("RGB", (100, 100), "white")
        picture.paste("black", (0, 0, 100, 50))
        exif = Image.Exif()
        exif[0x0112] = 3  # upside down
        exif[0x010F] = "a maker"
        shown = self.made(encoded(picture, "JPEG", exif=exif), 100)
        self.assertEqual(dict(shown.getexif()), {})
        self.assertLess(shown.getpixel((50, 90))[0], 60)  # type: ignore[index]  # an RGB picture

    def test_transparent(self) -> None:
        """What is transparent becomes white."""
        picture = Image.new("RGBA", (50, 50), (0, 0, 0, 0))
        shown = self.made(encoded(picture, "PNG"), 50)
        self.assertGreater(shown.getpixel((25, 25))[0], 240)  # type: ignore[index]  # as above

    def test_other_kinds(self) -> None:
        """Pictures of other kinds are not read, however good."""
        picture = Image.new("RGB", (10, 10))
        for kind in ("GIF", "BMP", "TIFF", "WEBP"):
            self.assertRaises(NoPicture, square, encoded(picture, kind), 48)

    def test_too_many_pixels(self) -> None:
        """A small file that unpacks to a huge picture is refused before it is unpacked."""
        bomb = encoded(Image.new("1", (8_000, 7_000)), "PNG")
        self.assertLess(len(bomb), 100_000)
        self.assertGreater(8_000 * 7_000, darkroom.MAX_PIXELS)
        self.assertRaises(NoPicture, square, bomb, 48)

    @settings(max_examples=60, deadline=None)
    @given(
        st.sampled_from(("JPEG", "PNG")),
        st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=8),
        st.integers(0, 700),
    )
    def test_broken(self, kind: str, changes: list[tuple[int, int]], kept: int) -> None:
        """Broken files are refused or read, and nothing else."""
        image = bytearray(encoded(Image.new("RGB", (20, 20), "teal"), kind))
        for at, octet in changes:
            image[at % len(image)] = octet
        try:
            shown = square(bytes(image[:kept]), 48)
        except NoPicture:
            return
        self.assertLessEqual(Image.open(BytesIO(shown)).width, 48)


class EdgeTests(SynchronousTestCase):
    """edge_of."""

    def test_edges(self) -> None:
        """The next size that there is, and None for what is no size."""
        for size, edge in (("", 48), ("HR1X1", 48), ("HR65X64", 96), ("hr648X10", 648)):
            self.assertEqual(edge_of(size), edge)
        for size in ("HR", "HRX", "HR1", "1X1", "HR1X", "HR11111X1", "HR1X1X1", "HR1,X1"):
            self.assertIsNone(edge_of(size), size)
