"""Who sends a request that is no REGISTER: a user's phone, or a peer that speaks for others."""

from collections.abc import Collection

import attrs

from mobility.domain.users import Users
from mobility.sip.admission import Admission
from mobility.sip.core import Incoming
from mobility.sip.refusal import SipRefusal
from mobility.sip.uri import SipUri


@attrs.frozen(slots=True)
class Sender:
    """Who sends.

    `uri` is the address of record in From.  `account` is what its bounds are counted under: the
    user, or the trusted peer that speaks for it.
    """

    uri: str
    account: str
    trusted: bool = False


class Identity:
    """Tells who sends a request.

    Users are challenged (407) for the domain of their From.  A trusted peer speaks for anybody.
    """

    def __init__(self, admission: Admission, users: Users, domains: Collection[str]) -> None:
        self._admission = admission
        self._users = users
        self.domains = frozenset(domains)

    def sender(self, incoming: Incoming) -> Sender:
        """Who sends.  Raises SipRefusal, and Malformed for a From that is no SIP URI."""
        from_ = incoming.request.from_.sip
        if self._admission.trusts(incoming.flow):
            return Sender(from_.aor, f"peer {min(incoming.flow.names)}", trusted=True)
        if from_.host not in self.domains:
            raise SipRefusal(403, "Forbidden: nobody of this domain can be asked who they are")
        user = self._admission.caller(incoming, from_.host)
        if user.uri != from_.aor:
            raise SipRefusal(403, "Forbidden: another user's From")
        return Sender(user.uri, user.uri)

    def is_local(self, uri: SipUri) -> bool:
        """Whether the URI is of a SIP domain that is served here."""
        return uri.host in self.domains

    def is_there(self, uri: str) -> bool:
        """Whether there is such a user here, who may sign in."""
        user = self._users.find(uri)
        return user is not None and user.enabled

    def name_of(self, uri: str) -> str:
        """The display name of a user, "" for a stranger."""
        return self._users.name_of(uri)
