"""Call via work: who may make and take calls with a telephone of its own."""

from mobility.domain.mobility_policy import MobilityPolicies
from mobility.domain.records import User
from mobility.domain.voice import Voice
from mobility.errors import Refusal


class CallViaWork:
    """What EnableOutsideVoice of CsMobilityPolicy depends on.

    It is in force with EnableMobility, simultaneous ringing by the voice policy, and Enterprise
    Voice.
    """

    def __init__(self, voice: Voice, mobility: MobilityPolicies) -> None:
        self._voice = voice
        self._mobility = mobility

    def may(self, user: User) -> bool:
        """Whether a user may call with its telephone, and could."""
        return self._voice.can_call_out(user) and not self._obstacle(user)

    def must_be_allowed(self, user: User) -> None:
        """403 where a policy forbids it; whether the number can be called is another question."""
        if obstacle := self._obstacle(user):
            raise Refusal("Forbidden", None, obstacle)

    def _obstacle(self, user: User) -> str:
        policy = self._mobility.policy_of(user)
        for name, allowed in (
            ("EnableMobility", policy.enable_mobility),
            ("EnableOutsideVoice", policy.enable_outside_voice),
        ):
            if not allowed:
                return (
                    f"Mobility policy {policy.name} forbids calls with your telephone ({name} is "
                    "False)."
                )
        voice = self._voice.policy_of(user)
        if not voice.allow_simul_ring:
            return (
                f"Voice policy {voice.name} forbids calls with your telephone (AllowSimulRing is "
                "False)."
            )
        return ""
