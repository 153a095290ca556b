"""Tests of `mobility.auth.photo_cookie`."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from mobility.auth.photo_cookie import MAX_COOKIES, PhotoCookies
from mobility.domain.records import User

ALICE = User("sip:alice@example.test", "Alice")
COOKIES = PhotoCookies(b"s" * 32)


class PhotoCookiesTests(SynchronousTestCase):
    """`PhotoCookies`."""

    def setUp(self) -> None:
        self.set_cookie = COOKIES.header("17", ALICE)
        self.cookie = self.set_cookie.partition(";")[0]

    def test_the_cookie_is_for_the_photos_of_its_application_only(self) -> None:
        """It is limited to one path, to TLS, and kept from scripts."""
        self.assertRegex(
            self.set_cookie,
            r"\Acwt_ucwa=[A-Za-z0-9_-]{43}; Path=/ucwa/oauth/v1/applications/17/photos; "
            r"Secure; HttpOnly; SameSite=None; Partitioned\Z",
        )

    def test_it_is_admitted_alone_and_among_others(self) -> None:
        """Other cookies of the browser do not matter."""
        for header in (
            self.cookie,
            f"a=b; {self.cookie}",
            f"{self.cookie};c=d",
            f";; {self.cookie}",
        ):
            self.assertTrue(COOKIES.admits(header, "17", ALICE), header)

    def test_anything_else_is_refused(self) -> None:
        """A changed, cut, foreign or missing cookie opens nothing."""
        for header in (
            "",
            "cwt_ucwa",
            "cwt_ucwa=",
            self.cookie[:-1],
            self.cookie + "A",
            self.cookie.replace("cwt_ucwa", "other"),
            "cwt_ucwa=\u00e4\ud800",
            "; ".join(["a=b"] * MAX_COOKIES + [self.cookie]),
        ):
            self.assertFalse(COOKIES.admits(header, "17", ALICE), header)

    def test_it_is_bound_to_application_user_and_secret(self) -> None:
        """It opens no other application's, user's or server's photos."""
        bob = User("sip:bob@example.test", "Bob")
        self.assertFalse(COOKIES.admits(self.cookie, "18", ALICE))
        self.assertFalse(COOKIES.admits(self.cookie, "17", bob))
        self.assertFalse(PhotoCookies(b"t" * 32).admits(self.cookie, "17", ALICE))

    def test_a_changed_password_voids_it(self) -> None:
        """A new credential version makes another cookie."""
        changed = attrs.evolve(ALICE, credential_version=2)
        self.assertFalse(COOKIES.admits(self.cookie, "17", changed))

    def test_a_short_secret_is_refused(self) -> None:
        """The secret has 32 bytes at least."""
        self.assertRaises(ValueError, PhotoCookies, b"s" * 31)
