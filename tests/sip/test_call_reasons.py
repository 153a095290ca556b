"""What final responses of phones and gateways mean, and which of several says most."""

from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.telephone import Happening
from mobility.domain.telephone_lines import REFUSALS as TELEPHONE_REFUSALS
from mobility.errors import Refusal
from mobility.sip.call_reasons import (
    happening_of_status,
    is_for_all,
    outcome_of_status,
    rank,
    status_of,
    status_of_refusal,
)


class PhoneTests(SynchronousTestCase):
    def test_outcomes(self) -> None:
        """The caller is told of each refusal what it says: busy, declined, no media, unanswered,
        or that nobody can take the call."""
        for subcode, statuses in (
            ("Busy", (486, 600)),
            ("Declined", (403, 603, 607)),
            ("MediaDescriptionConflict", (415, 488, 606)),
            ("Timeout", (408, 487)),
            ("Unavailable", (480, 504, 400, 404, 500, 503, 604)),
        ):
            for status in statuses:
                self.assertEqual(outcome_of_status(status).caller.subcode, subcode, status)

    def test_order(self) -> None:
        """What a person has decided counts more than what a device has, and both more than that
        nobody answered or that something went wrong."""
        statuses = [500, 408, 487, 415, 488, 606, 403, 486, 600, 603, 607]
        self.assertEqual(sorted({rank(one) for one in statuses}, reverse=True), [5, 4, 3, 2, 1, 0])
        self.assertEqual(sorted(statuses, key=rank, reverse=True), statuses)
        for alike in ((408, 487), (415, 488, 606), (486, 600), (603, 607), (404, 480, 500, 503)):
            self.assertEqual(len({rank(one) for one in alike}), 1, alike)

    def test_for_all(self) -> None:
        """6xx of one device is an answer for all devices of the user, nothing below is."""
        self.assertTrue(all(map(is_for_all, (600, 603, 607, 699))))
        self.assertFalse(any(map(is_for_all, (480, 486, 503, 599))))


class GatewayTests(SynchronousTestCase):
    def test_happenings(self) -> None:
        """A refusal from beyond a gateway ends the call; one of the gateway itself lets the next
        gateway try."""
        for happening, statuses in (
            (Happening.BUSY, (486, 600)),
            (Happening.DECLINED, (403, 603, 607)),
            (Happening.UNKNOWN, (404, 410, 484, 604)),
            (Happening.UNAVAILABLE, (480,)),
            (Happening.UNANSWERED, (487,)),
            (Happening.UNREACHABLE, (400, 401, 408, 488, 500, 502, 503, 504)),
        ):
            for status in statuses:
                self.assertIs(happening_of_status(status), happening, status)

    def test_rang(self) -> None:
        """A number that has rung until the gateway gave up is not called by another gateway."""
        self.assertIs(happening_of_status(408, rang=True), Happening.UNANSWERED)
        self.assertIs(happening_of_status(408), Happening.UNREACHABLE)


class CallerTests(SynchronousTestCase):
    def test_ends(self) -> None:
        """Who called by SIP is told with the status that a phone would have sent."""
        for status in (408, 480, 486, 488, 603):
            self.assertEqual(status_of(outcome_of_status(status).caller), status)
        self.assertEqual(status_of(None), 480)

    def test_nobody(self) -> None:
        """Who called somebody elsewhere whom the system there does not know is told 404; a phone
        that says so cannot answer."""
        for status in (404, 410, 484, 604):
            self.assertEqual(status_of(outcome_of_status(status, elsewhere=True).caller), 404)
            self.assertEqual(status_of(outcome_of_status(status).caller), 480)

    def test_numbers(self) -> None:
        """Who called a number by SIP is told why it was in vain."""
        for happening, status in (
            (Happening.BUSY, 486),
            (Happening.DECLINED, 603),
            (Happening.UNKNOWN, 404),
            (Happening.UNAVAILABLE, 480),
            (Happening.UNANSWERED, 408),
            (Happening.UNREACHABLE, 502),
        ):
            self.assertEqual(status_of(TELEPHONE_REFUSALS[happening].caller), status, happening)

    def test_refusals(self) -> None:
        """A call that could not begin is refused by why it could not."""
        for code, subcode, status in (
            ("NotFound", "DestinationNotFound", 404),
            ("Forbidden", "OperationNotSupported", 403),
            ("Forbidden", None, 403),
            ("Conflict", "TooManyConversations", 486),
            ("Conflict", "AlreadyExists", 486),
            ("BadRequest", None, 400),
            ("BadRequest", "NormalizationFailed", 484),
            ("BadRequest", "InvalidMediaDescription", 488),
            ("ServiceFailure", None, 480),
        ):
            self.assertEqual(status_of_refusal(Refusal(code, subcode, "")), status, subcode)
