"""Who subscribes and publishes: a user's phone, or a peer that speaks for others."""

from collections.abc import Collection, Iterable

import attrs

from mobility.domain.users import Users
from mobility.sip.admission import Admission
from mobility.sip.core import Incoming
from mobility.sip.parties import Parties
from mobility.sip.refusal import SipRefusal
from mobility.sip.uri import SipUri


@attrs.frozen(slots=True)
class Sender:
    """Who sends.

    `uri` is its address.  `account` is what its bounds are counted under: the user, or the trusted
    peer that speaks for it.
    """

    uri: str
    account: str
    trusted: bool = False


class Identity:
    """Tells who sends a request.

    A trusted peer says for whom, as it does for calls.  Gateways, which are known by their address
    alone, are nobody here.
    """

    def __init__(
        self, admission: Admission, parties: Parties, users: Users, domains: Collection[str]
    ) -> None:
        self._admission = admission
        self._parties = parties
        self._users = users
        self.domains = frozenset(domains)

    def sender(self, incoming: Incoming) -> Sender:
        """Who sends.  Raises SipRefusal (407, 403) and Malformed."""
        if self.trusts(incoming):
            caller = self._parties.caller(incoming)
            return Sender(caller.uri, f"peer {min(incoming.flow.names)}", trusted=True)
        from_ = incoming.request.from_.sip
        if from_.host not in self.domains:
            raise SipRefusal(403, "Forbidden: a domain that is not served here")
        user = self._admission.caller(incoming, from_.host)
        if user.uri != from_.aor:
            raise SipRefusal(403, "Forbidden: another user's address")
        return Sender(user.uri, user.uri)

    def resource(self, uri: SipUri, packages: Iterable[str]) -> str:
        """The URI of the user whose events a Request-URI means.

        Raises SipRefusal for a GRUU: 404 or 480, and 489 where there is such a phone, whose own
        events are not known here.
        """
        if self._parties.phone(uri) is not None:
            raise SipRefusal(489, fields={"Allow-Events": [", ".join(sorted(packages))]})
        return uri.aor

    def trusts(self, incoming: Incoming) -> bool:
        """Whether the peer speaks for anybody."""
        return self._admission.trusts(incoming.flow)

    def is_there(self, uri: str) -> bool:
        """Whether there is such a user here, who may sign in."""
        user = self._users.find(uri)
        return user is not None and user.enabled

    def name_of(self, uri: str) -> str:
        """The display name of a user, "" for a stranger."""
        return self._users.name_of(uri)
