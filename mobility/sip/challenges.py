"""Challenges of other servers, and what answers them (RFC 7616, RFC 8760; RFC 3261 section 22).

Sans-IO: randomness is an argument.
"""

from collections.abc import Iterator

import attrs

from mobility.sip.digest import ALGORITHMS
from mobility.sip.grammar import Malformed, quote, storable
from mobility.sip.headers import Authorisation
from mobility.sip.message import Response

MAX_CHALLENGES = 8
"""Challenges of one response that are looked at (our choice: a few realms, two algorithms)."""

MAX_COUNT = 0xFFFFFFFF
"""nc has eight hexadecimal digits (RFC 7616 section 3.4)."""

ANSWERED_BY = {"WWW-Authenticate": "Authorization", "Proxy-Authenticate": "Proxy-Authorization"}
"""The header field of a challenge to that of its credentials."""

_STATUS = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}


@attrs.frozen(slots=True)
class Account:
    """Who we are at another server.  Without a `realm` any that the server names is answered."""

    name: str
    username: str
    secret: str = attrs.field(repr=False)
    realm: str = ""


@attrs.define(slots=True)
class Challenge:
    """One challenge; `header` is where its credentials belong, `count` how often it was answered.

    Servers of RFC 2617 name no algorithm, which is MD5, and older ones no qop.
    """

    header: str
    realm: str
    nonce: str = attrs.field(repr=False)
    algorithm: str
    named: bool
    has_qop: bool
    opaque: str | None = attrs.field(default=None, repr=False)
    stale: bool = False
    count: int = 0

    def credentials(self, account: Account, method: str, uri: str, cnonce: str) -> str:
        """The value of the header field for one more request (RFC 7616 section 3.4)."""
        self.count += 1
        digest = ALGORITHMS[self.algorithm]
        ha1 = digest(f"{account.username}:{self.realm}:{account.secret}".encode())
        ha2 = digest(f"{method}:{uri}".encode("utf-8", "surrogateescape"))
        middle = f"{self.nonce}:{self.count:08x}:{cnonce}:auth" if self.has_qop else self.nonce
        response = digest(f"{ha1}:{middle}:{ha2}".encode())
        parts = [
            f"Digest username={quote(account.username)}",
            f"realm={quote(self.realm)}",
            f"nonce={quote(self.nonce)}",
            f"uri={quote(uri)}",
            f'response="{response}"',
        ]
        if self.named:
            parts.append(f"algorithm={self.algorithm}")
        if self.has_qop:
            parts += [f'cnonce="{cnonce}"', "qop=auth", f"nc={self.count:08x}"]
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        return ", ".join(parts)


def challenges_of(response: Response) -> list[Challenge]:
    """What a 401 or 407 asks for, the better algorithm first, which is preferred whatever the
    server does (RFC 8760 section 2.4).  What cannot be read or answered is left out."""
    name = _STATUS.get(response.status, "")
    found = list(_read(name, response.fields.get(name, [])[:MAX_CHALLENGES]))
    order = list(ALGORITHMS)
    return sorted(found, key=lambda one: order.index(one.algorithm))


def _read(name: str, lines: list[str]) -> Iterator[Challenge]:
    for line in lines:
        try:
            asked = Authorisation.parse(line)
        except Malformed:
            continue
        given = asked.parameters
        realm, nonce = given.get("realm"), given.get("nonce")
        algorithm = given.get("algorithm", "MD5").upper()
        qop = given.get("qop")
        offered = {one.strip().lower() for one in (qop or "").split(",")}
        if (
            asked.scheme == "digest"
            and realm is not None
            and nonce
            and all(storable(one) for one in given.values())
            and algorithm in ALGORITHMS
            and (qop is None or "auth" in offered)
        ):
            yield Challenge(
                ANSWERED_BY[name],
                realm,
                nonce,
                algorithm,
                "algorithm" in given,
                qop is not None,
                given.get("opaque"),
                given.get("stale", "").lower() == "true",
            )
