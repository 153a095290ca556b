"""What is proven to servers that challenge requests of ours, and to whom.

An account belongs to the targets of the routes and gateways that name it.  It is used only over
flows that lead there: those that were opened to such a target, or whose peer has a certificate for
its name, and only for the realm that it is for.  A challenge is kept and answered again with the
next requests to the same server, with the next count, until the server asks anew.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import attrs

from mobility.events import Catalogue, EventLog
from mobility.sip.challenges import MAX_COUNT, Account, Challenge, challenges_of
from mobility.sip.core import peer_of
from mobility.sip.dialog import Entropy
from mobility.sip.flow import Flow
from mobility.sip.message import Request, Response
from mobility.sip.routing import Target

EVENTS: Catalogue = {
    "sip.credentials_refused": {
        "account": "the account's name",
        "peer": "the name in the peer's certificate, or its address",
        "realm": "for which the peer asks",
        "status": "of its answer",
        "reason": "password (it does not take the answer), realm (the account is for another one, "
        "or the algorithm is not known here) or account (the configuration has none of this name)",
    },
}

MAX_KEPT = 1_000
"""Flows and challenges that are remembered; the oldest is forgotten, and then the server asks
again (our choice)."""

MAX_ANSWERS = 3
"""Challenges to one request that are answered: one of a server, one of a proxy, and one whose
nonce was too old (our choice)."""

MAX_REALM_SHOWN = 64

CREDENTIALS = ("Authorization", "Proxy-Authorization")

Place = tuple[str, tuple[str, int], frozenset[str]]

K = TypeVar("K")
V = TypeVar("V")


@attrs.define(slots=True)
class Answers:
    """Which challenges to one request were answered: the header field and the realm of each."""

    given: list[tuple[str, str]] = attrs.Factory(list)


class Accounts:
    """Proves who we are."""

    def __init__(
        self,
        accounts: Mapping[str, Account],
        of_flow: Callable[[Flow], Iterable[str]],
        entropy: Entropy,
        log: EventLog,
    ) -> None:
        """`of_flow` names the accounts of those who are at the other end of a flow that was not
        opened from here."""
        self._accounts = accounts
        self._of_flow = of_flow
        self._entropy = entropy
        self._log = log
        self._targets: OrderedDict[Place, dict[Target, str]] = OrderedDict()
        self._kept: OrderedDict[tuple[Place, str, str], Challenge] = OrderedDict()

    def reached(self, target: Target, flow: Flow) -> None:
        """A flow leads to a target."""
        place = _place(flow)
        known = self._targets.get(place)
        bare = attrs.evolve(target, account="")
        if not target.account:
            if known is not None:
                known.pop(bare, None)
            return
        if known is None:
            _bound(self._targets)
            known = self._targets[place] = {}
        known[bare] = target.account

    def prove(self, request: Request, flow: Flow) -> None:
        """Put into a request that is about to be sent over a flow what its server is known to ask
        for, and nothing that was meant for another one."""
        for header in CREDENTIALS:
            request.set(header)
        if not self._kept:
            return
        place = _place(flow)
        for name in self._named(place):
            account = self._accounts.get(name)
            for header in CREDENTIALS:
                kept = self._kept.get((place, name, header))
                if kept is not None and account is not None and kept.count < MAX_COUNT:
                    self._add(request, kept, account)

    def answer(self, request: Request, response: Response, flow: Flow, answers: Answers) -> bool:
        """Put the answer to a 401 or 407 into a request that is sent again, if there is one."""
        place = _place(flow)
        names = [*self._named(place)] or [*dict.fromkeys(filter(None, self._of_flow(flow)))]
        asked = challenges_of(response)
        for name in names:
            account = self._accounts.get(name)
            if account is None:
                self._refused(name, flow, response, asked, "account")
                continue
            fits = (one for one in asked if account.realm in ("", one.realm))
            challenge = next(fits, None)
            if challenge is None:
                self._refused(name, flow, response, asked, "realm")
                continue
            done = challenge.header, challenge.realm
            again = done in answers.given and not challenge.stale
            if again or len(answers.given) >= MAX_ANSWERS:
                self._kept.pop((place, name, challenge.header), None)
                self._refused(name, flow, response, [challenge], "password")
                continue
            answers.given.append(done)
            _bound(self._kept)
            self._kept[place, name, challenge.header] = challenge
            request.set(challenge.header)
            self._add(request, challenge, account)
            return True
        return False

    def _named(self, place: Place) -> Iterable[str]:
        return dict.fromkeys(self._targets.get(place, {}).values())

    def _add(self, request: Request, challenge: Challenge, account: Account) -> None:
        cnonce = self._entropy(8).hex()
        value = challenge.credentials(account, request.method, request.uri, cnonce)
        request.add(challenge.header, value)

    def _refused(
        self, name: str, flow: Flow, response: Response, asked: list[Challenge], reason: str
    ) -> None:
        self._log.emit(
            "sip.credentials_refused",
            account=name,
            peer=peer_of(flow),
            realm=asked[0].realm[:MAX_REALM_SHOWN] if asked else "",
            status=response.status,
            reason=reason,
        )


def credentials_of(request: Request) -> list[tuple[str, str]]:
    """The credentials of an INVITE, which the ACK of its 2xx has, too (RFC 3261 section 22.1)."""
    return [(name, value) for name in CREDENTIALS for value in request.fields.get(name, ())]


def _place(flow: Flow) -> Place:
    return flow.transport, flow.source, flow.names


def _bound(kept: OrderedDict[K, V]) -> None:
    if len(kept) >= MAX_KEPT:
        kept.popitem(last=False)
