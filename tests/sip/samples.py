"""What tests make SIP messages of: texts, and Hypothesis strategies of well-formed pieces."""

import string

from hypothesis import strategies as st

from mobility.sip.message import Request, Response, parse

OPTIONS = (
    b"OPTIONS sip:example.test SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP 127.0.0.1:4444;branch=z9hG4bK-1-77;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <sip:a1@example.test>;tag=t1\r\n"
    b"To: <sip:example.test>\r\n"
    b"Call-ID: c1-2@load\r\n"
    b"CSeq: 7 OPTIONS\r\n"
    b"Content-Length: 0\r\n\r\n"
)

TOKENS = st.text(string.ascii_letters + string.digits + "-.!%*_+`'~", min_size=1, max_size=12)
NAMES = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8)
DOMAINS = st.lists(NAMES.map(str.lower), min_size=1, max_size=2).map(".".join).map("{}.test".format)
HOSTS = st.one_of(
    st.lists(NAMES.map(str.lower), min_size=1, max_size=3).map(".".join),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)
PORTS = st.one_of(st.none(), st.integers(1, 65_535))
USERS = st.text(string.ascii_letters + string.digits + "-_.!~*'()&=+$,;?/", max_size=12)
QUOTED = st.text(
    st.characters(blacklist_characters="\r\n\0", blacklist_categories=["Cs"]), max_size=12
)


def request(text: str, body: bytes = b"") -> Request:
    """The request of a head written with plain line ends."""
    message = parse(text.strip().replace("\n", "\r\n").encode(), body)
    if not isinstance(message, Request):
        raise TypeError("no request")
    return message


def response(text: str, body: bytes = b"") -> Response:
    """The response, likewise."""
    message = parse(text.strip().replace("\n", "\r\n").encode(), body)
    if not isinstance(message, Response):
        raise TypeError("no response")
    return message


def made(method: str = "OPTIONS", *more: str, branch: str = "z9hG4bK1", cseq: int = 1) -> Request:
    """A plain request of bob's, with further header field lines."""
    return request(
        "\n".join(
            (
                f"{method} sip:alice@example.test SIP/2.0",
                f"Via: SIP/2.0/TLS client.example.test;branch={branch}",
                "Max-Forwards: 70",
                "From: <sip:bob@example.test>;tag=b",
                "To: <sip:alice@example.test>",
                "Call-ID: call@client.example.test",
                f"CSeq: {cseq} {method}",
                *more,
            )
        )
    )
