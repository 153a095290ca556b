"""The torture test messages of RFC 4475 and RFC 5118, and what becomes of each here.

Those of RFC 4475 are written out in `rfc4475`, those of RFC 5118 are in `data`.  RFC 5118 counts
three of its bodies wrong; that is kept, and tested as what it is: a wrong Content-Length.
"""

from collections.abc import Iterator
from pathlib import Path

import attrs

from tests.sip.rfc4475 import MESSAGES

DATA = Path(__file__).with_name("data")


@attrs.frozen
class Case:
    """One message.  `statuses` are the final answers over UDP, none where it is dropped.

    `over_stream` are those over TCP, where they are others.  `why` says what the document says, or
    for what reason this is the choice where it leaves one.
    """

    name: str
    statuses: tuple[int, ...]
    why: str
    over_stream: tuple[int, ...] | None = None

    @property
    def data(self) -> bytes:
        if self.name in MESSAGES:
            return MESSAGES[self.name]
        (path,) = DATA.glob(f"*/{self.name}.dat")
        return path.read_bytes()


STRANGER = "valid; who is not trusted calls from an address of this system or not at all"
CHALLENGED = "valid; a registrar challenges it"

CASES = (
    # RFC 4475 section 3.1.1: valid messages
    Case("wsinv", (481,), "valid; a re-INVITE of no dialog"),
    Case("intmeth", (501,), "valid, of an unknown method, with an escaped NUL in a display name"),
    Case("esc01", (403,), STRANGER),
    Case("escnull", (401,), CHALLENGED + ": %00 is a character like others"),
    Case("esc02", (501,), "an escape in a method is none: RE%47IST%45R is no REGISTER"),
    Case("lwsdisp", (200,), "valid: no space is needed before <"),
    Case("longreq", (403,), STRANGER),
    Case(
        "dblreq",
        (401,),
        "what follows the body of a datagram is ignored, and the next message on a stream",
        over_stream=(401, 403),
    ),
    Case("semiuri", (200,), "valid: the semicolon is of the user part"),
    Case("transports", (200,), "valid: only the topmost Via counts"),
    Case("mpart01", (407,), "valid; a phone has to prove whose it is"),
    Case("unreason", (), "a valid response that nobody waits for"),
    Case("noreason", (), "a valid response that nobody waits for"),
    # RFC 4475 section 3.1.2: invalid messages
    Case("badinv01", (400,), "superfluous separators in Via and Contact"),
    Case(
        "clerr",
        (400,),
        "a body shorter than Content-Length; a stream waits for the rest",
        over_stream=(),
    ),
    Case("ncl", (400,), "a negative Content-Length"),
    Case("scalar02", (400,), "a CSeq, a Max-Forwards and an expiry out of range"),
    Case("scalarlg", (), "a response with a CSeq out of range is dropped"),
    Case("quotbal", (400,), "an open quote in To"),
    Case("ltgtruri", (400,), "brackets around the Request-URI: either may be; 400 guesses nothing"),
    Case("lwsruri", (400,), "spaces in the Request-URI: either may be; 400 guesses nothing"),
    Case("lwsstart", (400,), "more than one space in the start line: either may be"),
    Case("trws", (400,), "spaces after the start line: either may be"),
    Case(
        "escruri",
        (400,),
        "header fields in the Request-URI may be ignored or refused; who put a Route there wants "
        "it to do something, which it will not",
    ),
    Case(
        "baddate",
        (403,),
        STRANGER + "; nothing here reads its Date that is not GMT",
    ),
    Case("regbadct", (400,), "a Contact with header fields and without brackets"),
    Case("badaspec", (400,), "spaces within brackets: either may be; 400 guesses nothing"),
    Case("baddn", (400,), "a comma in a display name without quotes: either may be"),
    Case("badvers", (505,), "another version"),
    Case("mismatch01", (400,), "a CSeq of another method"),
    Case("mismatch02", (501,), "likewise, but an unknown method is answered as such"),
    Case("bigcode", (), "a response with a status that is none is dropped"),
    # RFC 4475 sections 3.2 to 3.4
    Case("badbranch", (200,), "a branch of nothing but the cookie is none: RFC 2543 matching"),
    Case("insuf", (400,), "no Call-ID, From and To; Via and CSeq are enough to answer"),
    Case("unkscm", (416,), "a Request-URI of an unknown scheme"),
    Case("novelsc", (416,), "a Request-URI of a scheme that is not SIP's"),
    Case("unksm2", (400,), "a registrar needs a SIP URI in To"),
    Case("bext01", (420,), "unknown extensions are required"),
    Case("invut", (403,), STRANGER + ", before its unknown Content-Type is looked at"),
    Case("regaut01", (401,), "credentials of an unknown scheme are as good as none"),
    Case("multi01", (400,), "header fields twice that may come once"),
    Case("mcl01", (400,), "Content-Length twice: no way to know which; a stream ends with it"),
    Case("bcast", (), "a response whose second Via is a broadcast address: nobody waits for it"),
    Case("zeromf", (200,), "Max-Forwards: 0 does not keep a user agent from answering"),
    Case("cparam01", (401,), CHALLENGED + "; unknownparam is the Contact's"),
    Case("cparam02", (401,), CHALLENGED + "; unknownparam is the URI's"),
    Case("regescrt", (401,), CHALLENGED + "; the Route is the Contact URI's"),
    Case("sdp01", (403,), STRANGER + ", before its Accept is looked at"),
    Case("inv2543", (403,), STRANGER + "; of RFC 2543, without tag, branch and Content-Length"),
    # RFC 5118
    Case("ipv6-good", (401,), CHALLENGED),
    Case("ipv6-bad", (400,), "an IPv6 address without brackets"),
    Case("port-ambiguous", (401,), CHALLENGED + "; the 5070 is of the address"),
    Case("port-unambiguous", (401,), CHALLENGED),
    Case("via-received-param-with-delim", (481,), "valid; a BYE of no dialog"),
    Case("via-received-param-no-delim", (200,), "valid, with brackets or without"),
    Case(
        "ipv6-in-sdp",
        (400,),
        "valid but for a Content-Length that is too large; a stream waits for the rest",
        over_stream=(),
    ),
    Case("mult-ip-in-header", (481,), "valid; a BYE of no dialog"),
    Case("mult-ip-in-sdp", (407,), "valid; a caller is challenged"),
    Case("ipv4-mapped-ipv6", (403,), STRANGER),
    Case("ipv6-bug-abnf-3-colons", (200,), "what the grammar of RFC 3261 allowed by mistake"),
    Case("ipv6-correct-abnf-2-colons", (200,), "valid"),
)

COUNTED = {"ipv6-in-sdp": 251, "mult-ip-in-sdp": 189, "ipv4-mapped-ipv6": 245}
"""The bodies of RFC 5118 whose Content-Length is wrong, with the right one."""


def cuts(data: bytes) -> Iterator[bytes]:
    """The message, ended after each of its bytes but the last."""
    for end in range(1, len(data)):
        yield data[:end]
