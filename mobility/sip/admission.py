"""Who sends a request: a trusted peer by its certificate, or a user by digest (RFC 8760)."""

import math
from collections.abc import Callable, Collection, Iterable

from mobility.auth.lockout import Lockout
from mobility.config.sip import DIGESTS, SipConfig
from mobility.domain.records import User
from mobility.domain.users import Users
from mobility.events import Catalogue, EventLog
from mobility.sip.core import Incoming, peer_of
from mobility.sip.dialog import Entropy
from mobility.sip.digest import Challenger, Claim, Verdict
from mobility.sip.flow import Flow
from mobility.sip.headers import Authorisation
from mobility.sip.message import Request
from mobility.sip.refusal import SipRefusal

EVENTS: Catalogue = {
    "sip.signin_failed": {
        "listener": "the listener's name",
        "peer": "the name in the peer's certificate, or its address",
        "user": "a pseudonym of the user that was named",
        "reason": "password, or locked after too many wrong ones",
    },
}

MD5 = "MD5"

_BY_PROXY = ("Proxy-Authorization", "Proxy-Authenticate", 407)

MAX_CREDENTIALS = 8
"""Credentials of one request that are looked at (our choice: a few realms, two algorithms)."""


class Admission:
    """Finds out who sends a request.

    A realm is a SIP domain, as the stored hashes have it; the user name is the part of the URI
    before it.  Users without hashes, whom nobody has enabled for SIP, cannot sign in.
    """

    def __init__(
        self,
        users: Users,
        domains: Iterable[str],
        settings: SipConfig,
        lockout: Lockout,
        secret: bytes,
        entropy: Entropy,
        epoch: Callable[[], float],
        log: EventLog,
        pseudonym: Callable[[str], str],
    ) -> None:
        self._users = users
        self._challengers = {domain: Challenger(domain, secret, entropy) for domain in domains}
        self._trusted = frozenset(settings.trusted_peers)
        self._algorithms = {one.name: one.digest for one in settings.listeners}
        self._lockout = lockout
        self._epoch = epoch
        self._log = log
        self._pseudonym = pseudonym
        self._vouched: dict[Flow, dict[str, float]] = {}

    def trusts(self, flow: Flow) -> bool:
        """Whether the peer may send for anybody (RFC 5922: by a name in its certificate)."""
        return not self._trusted.isdisjoint(flow.names)

    def registrant(self, incoming: Incoming, domain: str) -> User:
        """The user who registers, challenged as by a registrar (401).  Raises SipRefusal.

        Clients made for Lync (`Event: registration`, [MS-SIPREGE]) know digest of proxies alone,
        and of MD5, so they are challenged as by one (407; RFC 3261 section 22.3 lets any request
        be).
        """
        if registers_as_lync(incoming.request):
            user = self._known(incoming)  # they sign out without waiting for an answer
            if user is not None:
                return user
            return self._user(incoming, domain, *_BY_PROXY, (MD5,))
        return self._user(incoming, domain, "Authorization", "WWW-Authenticate", 401)

    def vouch(self, flow: Flow, user_uri: str, until: float) -> None:
        """A user has signed in over a connection, which is the user's until then.

        Datagrams prove nothing by where they come from.
        """
        if flow.reliable:
            self._vouched.setdefault(flow, {})[user_uri] = until

    def broken(self, flow: Flow) -> None:
        """A connection is gone."""
        self._vouched.pop(flow, None)

    def caller(self, incoming: Incoming, domain: str) -> User:
        """The user who sends: known by the connection, or challenged as by a proxy (407).

        Raises SipRefusal, and Malformed for a From that is no SIP URI.
        """
        return self._known(incoming) or self._user(incoming, domain, *_BY_PROXY)

    def _known(self, incoming: Incoming) -> User | None:
        """The user whose the connection is, if the request is in that name."""
        vouched = self._vouched.get(incoming.flow)
        if vouched is not None:
            uri = incoming.request.from_.sip.aor
            if vouched.get(uri, 0.0) > self._epoch():
                user = self._users.find(uri)
                if user is not None and user.enabled:
                    return user
        return None

    def _user(
        self,
        incoming: Incoming,
        domain: str,
        answer: str,
        challenge: str,
        status: int,
        known: Collection[str] = DIGESTS,
    ) -> User:
        """`known` are the algorithms that the sender knows, where that is said."""
        challenger = self._challengers.get(domain)
        if challenger is None:
            raise SipRefusal(404)
        now = self._epoch()
        stale = False
        claim = _claim(incoming, answer, challenger)
        if claim is not None:
            uri = f"sip:{claim.username.partition('@')[0].lower()}@{domain}"
            verdict = self._judge(incoming, uri, claim, challenger, now)
            user = self._users.find(uri)
            if verdict is Verdict.GOOD and user is not None:
                self._lockout.succeeded(uri)
                return user
            stale = verdict is Verdict.STALE
        offered = self._algorithms.get(incoming.flow.listener, DIGESTS)
        algorithms = [one for one in offered if one in known] or offered
        challenges = challenger.challenges(now, algorithms, stale=stale)
        raise SipRefusal(status, fields={challenge: challenges})

    def _judge(
        self, incoming: Incoming, uri: str, claim: Claim, challenger: Challenger, now: float
    ) -> Verdict:
        address = incoming.flow.source[0]
        wait_s = self._lockout.wait_s(uri, address, now)
        if wait_s > 0:
            self._failed(incoming, uri, "locked")
            raise SipRefusal(403, fields={"Retry-After": [str(math.ceil(wait_s))]})
        user = self._users.find(uri)
        known = user is not None and user.enabled and not user.home
        kept = _hash_of(user, claim.algorithm) if user is not None and known else ""
        verdict = challenger.judge(claim, kept, incoming.request.method, now)
        if verdict is Verdict.BAD:
            self._lockout.failed(uri, address, now)
            self._failed(incoming, uri, "password")
        return verdict

    def _failed(self, incoming: Incoming, uri: str, reason: str) -> None:
        self._log.emit(
            "sip.signin_failed",
            listener=incoming.flow.listener,
            peer=peer_of(incoming.flow),
            user=self._pseudonym(uri),
            reason=reason,
        )


def registers_as_lync(request: Request) -> bool:
    """Whether a REGISTER is of a client made for Lync: the others' have no Event ([MS-SIPREGE]
    section 3.1.2.5.1)."""
    return (request.first("Event") or "").strip().lower() == "registration"


def _claim(incoming: Incoming, name: str, challenger: Challenger) -> Claim | None:
    """The credentials for a realm among those of a request.  Raises Malformed."""
    for line in incoming.request.fields.get(name, [])[:MAX_CREDENTIALS]:
        claim = challenger.claim(Authorisation.parse(line))
        if claim is not None:
            return claim
    return None


def _hash_of(user: User, algorithm: str) -> str:
    return user.sip_ha1_sha256 if algorithm == "SHA-256" else user.sip_ha1_md5
