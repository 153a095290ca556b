"""A voicemail system tells of voicemails, and a user's clients see them."""

import ssl
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.interop.front_end_process import FrontEndProcess
from tests.interop.phone import Phone
from tests.interop.test_sip_listeners import Caller

NOTIFY = """\
NOTIFY sip:alice@example.test SIP/2.0
Via: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK{number}
From: <sip:voicemail@example.test>;tag=1
To: <sip:alice@example.test>
Call-ID: voicemail{number}
CSeq: 1 NOTIFY
Contact: <sip:voicemail@127.0.0.1:5061;transport=tls>
Max-Forwards: 70
Event: message-summary
Subscription-State: active
Content-Type: application/simple-message-summary
Content-Length: {length}

{body}"""


def notify(number: int, new: int, old: int) -> bytes:
    """An unsolicited NOTIFY, as voicemail systems send them."""
    body = f"Messages-Waiting: {'yes' if new else 'no'}\r\nVoice-Message: {new}/{old}\r\n"
    head, _, _ = NOTIFY.format(number=number, length=len(body), body="").partition("\n\n")
    return (head.replace("\n", "\r\n") + "\r\n\r\n" + body).encode()


class VoicemailTests(TestCase):
    timeout = 300

    async def test_counts(self) -> None:
        """A trusted peer says without being asked how many voicemails there are; the user's clients
        see it, before and after a restart.  Nobody else may say so."""
        process = FrontEndProcess(Path(self.mktemp()))
        process.start()
        self.addCleanup(process.kill)
        await process.ready()

        answer = await deferToThread(self.tell, process, notify(1, 2, 5), trusted=True)
        self.assertTrue(answer.startswith(b"SIP/2.0 200"), answer)
        self.assertEqual(await self.counts(process), (7, 2))
        answer = await deferToThread(self.tell, process, notify(2, 9, 9), trusted=False)
        self.assertTrue(answer.startswith(b"SIP/2.0 403"), answer)

        await process.kill()
        process.start()
        await process.ready()
        self.assertEqual(await self.counts(process), (7, 2))
        await deferToThread(self.tell, process, notify(3, 0, 7), trusted=True)
        self.assertEqual(await self.counts(process), (7, 0))

    def tell(self, process: FrontEndProcess, message: bytes, *, trusted: bool) -> bytes:
        """Send a message over TLS, with the peer's certificate or without; the answer."""
        context = ssl.create_default_context(cafile=str(process.ca))
        if trusted:
            context.load_cert_chain(process.directory / "tls" / "peer.pem")
        caller = Caller(process.port(5089), context)
        try:
            return caller.ask(message)
        finally:
            caller.close()

    async def counts(self, process: FrontEndProcess) -> tuple[Any, Any]:
        """All voicemails and those not heard, as a UCWA client sees them."""
        alice = Phone(process.client(self), process.external, "alice")
        await alice.sign_in()
        missed = (await alice.expect(200, "GET", alice.links["missedItems"])).document
        await alice.expect(204, "DELETE", alice.links["application"])
        return missed["voiceMailsCount"], missed["unreadVoicemailsCount"]
