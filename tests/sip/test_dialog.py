"""Dialogs, as both sides have them."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.dialog import MAX_ROUTES, Dialog, OutOfOrder, dialog_id_of
from mobility.sip.grammar import Malformed
from mobility.sip.message import Request, Response
from tests.sip.samples import made

ROUTES = ("<sip:p1.example.test;lr>", "<sip:p2.example.test;lr>")


def invited(*more: str) -> tuple[Request, Response]:
    """An INVITE that passed two proxies, and its 200."""
    lines = ("Contact: <sip:bob@192.0.2.7:5061>", f"Record-Route: {', '.join(ROUTES)}")
    invite = made("INVITE", *lines, *more)
    answer = invite.respond(200, "a")
    answer.set("Contact", "<sip:alice@192.0.2.9>")
    return invite, answer


class BothSidesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.invite, self.answer = invited()
        self.callee = Dialog.called(self.invite, self.answer, secure=True)
        self.caller = Dialog.calling(self.invite, self.answer, secure=True)

    def test_ids(self) -> None:
        """Each side's own tag is the other's remote one."""
        call, mine, theirs = self.caller.id
        self.assertEqual(self.callee.id, (call, theirs, mine))

    def test_routes(self) -> None:
        """The caller passes the proxies in reverse of what the callee does."""
        self.assertEqual([str(one) for one in self.callee.routes], list(ROUTES))
        self.assertEqual([str(one) for one in self.caller.routes], list(ROUTES[::-1]))

    @given(st.lists(st.tuples(st.booleans(), st.sampled_from(["INFO", "BYE", "MESSAGE"]))))
    def test_requests(self, steps: list[tuple[bool, str]]) -> None:
        """What one side sends, the other takes as its dialog's, in order."""
        self.setUp()
        for by_caller, method in steps:
            sender, taker = self.caller, self.callee
            if not by_caller:
                sender, taker = self.callee, self.caller
            request = sender.request(method)
            self.assertEqual(dialog_id_of(request), taker.id)
            self.assertEqual(request.uri, str(sender.target))
            taker.check(request)

    def test_order(self) -> None:
        """A request that is older than one before is refused, one that leaps is not."""
        first = self.caller.request("INFO")
        second = self.caller.request("INFO")
        self.callee.check(second)
        with self.assertRaises(OutOfOrder):
            self.callee.check(first)
        with self.assertRaises(OutOfOrder):
            self.callee.check(second)

    def test_acknowledge(self) -> None:
        """The ACK of a 2xx has the INVITE's number, and is not out of order."""
        ack = self.caller.acknowledge(1)
        self.assertEqual(str(ack.cseq), "1 ACK")
        self.assertEqual(ack.fields["Route"], list(ROUTES[::-1]))
        self.callee.check(ack)

    def test_refresh(self) -> None:
        """A new Contact is where requests go from then on."""
        again = self.caller.request("INVITE")
        again.set("Contact", "<sip:bob@198.51.100.1>")
        self.callee.refresh(again)
        self.assertEqual(self.callee.request("BYE").uri, "sip:bob@198.51.100.1")

    def test_strict_router(self) -> None:
        """A strict router gets the Request-URI, and the target comes last (section 12.2.1.1)."""
        answer = self.answer
        answer.set("Record-Route", "<sip:old.example.test>")
        request = Dialog.calling(self.invite, answer, secure=False).request("BYE")
        self.assertEqual(request.uri, "sip:old.example.test")
        self.assertEqual(request.fields["Route"], ["<sip:alice@192.0.2.9>"])


class WrongTests(SynchronousTestCase):
    def test_contacts(self) -> None:
        """A dialog needs one Contact with a SIP URI, and routes that are SIP URIs."""
        for lines in ([], ["Contact: <sip:a@b>, <sip:c@d>"], ["Contact: <tel:+1>"]):
            invite = made("INVITE", *lines)
            with self.assertRaises(Malformed, msg=str(lines)):
                Dialog.called(invite, invite.respond(200, "a"), secure=False)
        many = ", ".join(["<sip:p.example.test;lr>"] * (MAX_ROUTES + 1))
        for route in ("<mailto:a@b>", many):
            invite = made("INVITE", "Contact: <sip:a@b>", f"Record-Route: {route}")
            with self.assertRaises(Malformed):
                Dialog.called(invite, invite.respond(200, "a"), secure=False)
