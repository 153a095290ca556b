"""What policies permit users, wired together: mobility policy, and what calls follow from it."""

from mobility.domain.call_policy import CallPolicies, CallPolicy
from mobility.domain.delegates import Delegates
from mobility.domain.ledger import Ledger, Snapshot
from mobility.domain.mobility_policy import MobilityPolicies
from mobility.domain.records import User
from mobility.domain.telephony import Telephony
from mobility.domain.users import Users


class Permissions:
    """The mobility policies, and the policy of calls for each user.

    `delegates` and `telephony` are filled in before anybody asks about calls; without `telephony`
    there are no calls with telephones, without `relay` no media relay.
    """

    def __init__(self, ledger: Ledger, users: Users, stored: Snapshot, *, relay: bool) -> None:
        self._users = users
        self._relay = relay
        self.mobility = MobilityPolicies(ledger, users)
        self.mobility.load(stored.mobility_settings, stored.mobility_grants)
        self.calls = CallPolicies(self._of, self._of_user)
        self.delegates: Delegates | None = None
        self.telephony: Telephony | None = None

    def _of(self, uri: str) -> CallPolicy:
        user = self._users.find(uri)
        return CallPolicy(relay=self._relay) if user is None else self._of_user(user)

    def _of_user(self, user: User) -> CallPolicy:
        mobile, telephony = self.mobility.policy_of(user), self.telephony
        delegates = self.delegates
        return CallPolicy(
            audio=mobile.enable_ip_audio_video,
            video=mobile.enable_ip_audio_video,
            for_others=delegates is not None and bool(delegates.delegators_of(user.uri)),
            phone=telephony is not None and user.enabled and telephony.phone_audio.may(user),
            emergency=telephony is not None and telephony.outside.may_call_emergency,
            relay=self._relay,
            wifi_audio=mobile.require_wifi_for_ip_audio,
            wifi_video=mobile.require_wifi_for_ip_video,
            name=mobile.name,
        )
