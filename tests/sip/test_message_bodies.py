"""What MESSAGE requests carry."""

import base64

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.carriers import Disposition, Page, Wish
from mobility.domain.messaging import Text
from mobility.domain.records import DispositionRequest
from mobility.sip.grammar import Malformed
from mobility.sip.headers import NameAddr
from mobility.sip.imdn import IMDN, Notice, asking, notification
from mobility.sip.message_bodies import (
    CPIM,
    Content,
    Typing,
    Written,
    read_content,
    typing_body,
)
from mobility.sip.multipart import Part, multipart
from mobility.sip.refusal import SipRefusal
from tests.sip.samples import made

ENCODING = "content-transfer-encoding"

ENVELOPE = (
    "From: MR SANDERS <im:piglet@100akerwood.com>\r\n"
    "To: Depressed Donkey <im:eeyore@100akerwood.com>\r\n"
    "NS: imdn <urn:ietf:params:imdn>\r\n"
    "imdn.Message-ID: 34jk324j\r\n"
    "DateTime: 2006-04-04T12:16:49-05:00\r\n"
    "imdn.Disposition-Notification: positive-delivery, negative-delivery\r\n"
    "\r\n"
    "Content-type: text/plain; charset=utf-8\r\n"
    "Content-length: 12\r\n"
    "\r\n"
    "Hello World\r\n"
)


def content(kind: str, body: bytes, *more: str) -> Content:
    request = made("MESSAGE", *more)
    if kind:
        request.set("Content-Type", kind)
    request.body = body
    return read_content(request)


class ReadTests(SynchronousTestCase):
    def test_texts(self) -> None:
        """Texts in the charsets that are in use; without a type it is a plain one."""
        for kind, body, text in (
            ("", b"hi", "hi"),
            ("text/plain", "gr\u00fc\u00df".encode(), "gr\u00fc\u00df"),
            ("Text/Plain;charset=UTF-8", b"hi", "hi"),
            ('text/plain;charset="iso-8859-1"', b"gr\xfc\xdf", "gr\u00fc\u00df"),
            ("text/plain;charset=us-ascii", b"hi", "hi"),
        ):
            self.assertEqual(content(kind, body), Written(Text("Plain", text)))

    def test_html(self) -> None:
        """HTML is sanitised, and has its plain text."""
        written = content("text/html", b"<p>Hi <b>you</b><script>x()</script></p>")
        self.assertEqual(written, Written(Text("Html", "<p>Hi <b>you</b></p>", "Hi you")))

    def test_typing(self) -> None:
        """Typing and its end."""
        for active in (True, False):
            body = typing_body(active=active, refresh_s=60)
            self.assertEqual(content("application/im-iscomposing+xml", body), Typing(active))

    def test_envelope(self) -> None:
        """A message in an envelope, whose sender wants to hear of its delivery, or not."""
        text = Text("Plain", "Hello World\n")
        wish = Wish("34jk324j", "2006-04-04T12:16:49-05:00", delivery=True)
        self.assertEqual(content(CPIM, ENVELOPE.encode()), Written(text, wish))
        quiet = ENVELOPE.replace("positive-delivery, ", "")
        self.assertEqual(content(CPIM, quiet.encode()), Written(text))
        other = ENVELOPE.replace("imdn", "x").replace("params:x", "params:imdn")
        self.assertEqual(content(CPIM, other.encode()), Written(text, wish))
        shown = ENVELOPE.replace("negative-delivery", "Display").replace(
            "DateTime", "imdn.Original-To: Eeyore <im:all@100akerwood.com>\r\nDateTime"
        )
        wish = attrs.evolve(wish, original_to="im:all@100akerwood.com", display=True)
        self.assertEqual(content(CPIM, shown.encode()), Written(text, wish))
        for wrong in ("", "x" * 129):
            bad = ENVELOPE.replace("34jk324j", wrong)
            self.assertEqual(content(CPIM, bad.encode()), Written(text))

    def test_notice(self) -> None:
        """A notification says of which message what has become of it, also the one that is sent
        from here, with the time and the first recipient of the message."""
        request = DispositionRequest(
            "c", 1, "sip:a@b", "sip:c@d", "a<b", "2006-04-04T12:16:49Z", "sip:all@d", True, True
        )
        for disposition, told in (
            (Disposition.DELIVERED, b"<delivery-notification><status><delivered/></status></de"),
            (Disposition.DISPLAYED, b"<display-notification><status><displayed/></status></di"),
        ):
            notice = notification(request, disposition, "1", 0.0)
            self.assertEqual(content(CPIM, notice), Notice("a<b", disposition))
            self.assertIn(
                b"<message-id>a&lt;b</message-id><datetime>2006-04-04T12:16:49Z</datetime>"
                b"<recipient-uri>sip:c@d</recipient-uri>"
                b"<original-recipient-uri>sip:all@d</original-recipient-uri>" + told,
                notice,
            )
            self.assertIn(b"DateTime: 1970-01-01T00:00:00Z\r\n", notice)
            self.assertNotIn(b"Disposition-Notification", notice)
        for said, meant in (
            ("delivery-notification><status><failed", Disposition.FAILED),
            ("delivery-notification><status><error", None),
            ("display-notification><status><forbidden", None),
            ("processing-notification><status><stored", None),
        ):
            kind = said.partition(">")[0]
            body = f"<imdn><message-id>1</message-id><{said}/></status></{kind}></imdn>"
            self.assertEqual(content("message/imdn+xml", body.encode()), Notice("1", meant))

    def test_asking(self) -> None:
        """An envelope that asks is read as what was put into it."""
        page = Page("sip:a@b", "A", "sip:c@d", 0.0, Text("Plain", "h\u00e9"), "c0-7")
        one, other = (NameAddr.parse(f"<{uri}>") for uri in (page.from_uri, page.to_uri))
        envelope = asking(page, one, other, "text/plain", "h\u00e9")
        wish = Wish("c0-7", "1970-01-01T00:00:00Z", delivery=True, display=True)
        self.assertEqual(content(CPIM, envelope), Written(page.text, wish))

    def test_alternatives(self) -> None:
        """Of alternatives the last one counts that is read here, of a page with its pictures the
        page."""
        plain = Part("text/plain;charset=iso-8859-1", b"gr\xfc\xdf")
        html = Part("text/html", b"<p>gr&uuml;&szlig;</p>")
        coded = Part(
            "text/plain", base64.b64encode("gr\u00fc\u00df".encode()), {ENCODING: "base64"}
        )
        quoted = Part("text/plain", b"gr=C3=BC=C3=9F", {ENCODING: "quoted-printable"})
        rich = Part("text/rtf", b"{}")
        as_html = Written(Text("Html", "<p>gr\u00fc\u00df</p>", "gr\u00fc\u00df"))
        as_plain = Written(Text("Plain", "gr\u00fc\u00df"))
        for parts, written in (
            ((plain, html), as_html),
            ((plain, rich), as_plain),
            ((rich, coded), as_plain),
            ((quoted,), as_plain),
        ):
            body = multipart("x", parts)[1]
            self.assertEqual(content("multipart/alternative;boundary=x", body), written)
        page = multipart("y", (html, Part("image/gif", b"GIF")))[1]
        related = Part("multipart/related;boundary=y", page)
        body = multipart("x", (plain, related))[1]
        self.assertEqual(content("multipart/related;boundary=y", page), as_html)
        self.assertEqual(content("multipart/alternative;boundary=x", body), as_html)
        inner = Part("multipart/alternative;boundary=x", body)
        for kind, parts in (
            ("alternative", (rich,)),
            ("alternative", (inner,)),
            ("related", (related,)),
            ("related", (Part("text/plain", b"x", {ENCODING: "x"}),)),
        ):
            with self.assertRaises(SipRefusal) as refused:
                content(f"multipart/{kind};boundary=z", multipart("z", parts)[1])
            self.assertEqual(refused.exception.status, 415)
        with self.assertRaises(Malformed):
            wrong = multipart("x", (Part("text/plain", b"a", {ENCODING: "base64"}),))[1]
            content("multipart/alternative;boundary=x", wrong)

    def test_unread(self) -> None:
        """Other types, charsets and encodings are 415."""
        for kind, body, more in (
            ("application/sdp", b"v=0", ()),
            ("text/plain;charset=ebcdic", b"hi", ()),
            ("text/plain", b"hi", ("Content-Encoding: gzip",)),
            ("multipart/mixed;boundary=x", b"--x--", ()),
            (CPIM, ENVELOPE.replace("text/plain; charset=utf-8", CPIM).encode(), ()),
        ):
            with self.assertRaises(SipRefusal) as refused:
                content(kind, body, *more)
            self.assertEqual(refused.exception.status, 415)

    def test_malformed(self) -> None:
        """What is not what it says is malformed."""
        for kind, body in (
            ("text/plain", b""),
            ("text/plain", b"a\0b"),
            ("text/plain", b"\xff"),
            ("text/html", b"<p></p>"),
            ("application/im-iscomposing+xml", b"<x/>"),
            ("application/im-iscomposing+xml", b"<!DOCTYPE x>"),
            (CPIM, b"no header\n\n\n"),
            (CPIM, b"A: b\n" * 100),
            (IMDN, b"<x/>"),
            (IMDN, b"<imdn/>"),
            (IMDN, b"<imdn><message-id>%s</message-id></imdn>" % (b"x" * 129)),
        ):
            with self.assertRaises(Malformed):
                content(kind, body)

    @given(st.sampled_from(["text/plain", "text/html", CPIM]), st.binary(max_size=200))
    def test_any_bytes(self, kind: str, body: bytes) -> None:
        """Whatever it is, it is read or refused."""
        try:
            content(kind, body)
        except (SipRefusal, Malformed):
            pass
