"""Where calls may go that users send on: whom they may name, and what leads there.

What a user may do is its voice policy's, and what its numbers mean its dial plan's.
"""

from collections.abc import Callable

import attrs

from mobility.domain.addresses import user_uri
from mobility.domain.call_routing import is_number
from mobility.domain.delegates import Delegates
from mobility.domain.diversions import Diverter
from mobility.domain.lines import Device
from mobility.domain.records import User
from mobility.domain.users import Users
from mobility.domain.voice import Voice, number_of
from mobility.domain.voice_objects import VoicePolicy
from mobility.domain.voice_routing import Itinerary, showing
from mobility.domain.working_hours import WorkingHours
from mobility.errors import Parameter, PeerFault, Refusal, validation_failure

Numbers = Callable[[Itinerary, Diverter], Device]
"""Makes the device that rings at the number of an itinerary, for who lets calls ring there."""


@attrs.frozen(slots=True)
class ForwardingSettings:
    """What is the same for everybody.

    `voicemail` is where calls to anybody's voicemail go, a URI or `tel:` and a number, "" for
    nowhere; `hours` are those of the ActivePeriod Workhours.
    """

    voicemail: str = attrs.field(repr=False, default="")
    hours: WorkingHours = attrs.Factory(WorkingHours)


class CallDestinations:
    """The users, numbers and voicemail to which calls of others can go."""

    def __init__(
        self, users: Users, delegates: Delegates, voice: Voice, everybody: ForwardingSettings
    ) -> None:
        self._users = users
        self._delegates = delegates
        self._voice = voice
        self.everybody = everybody
        self.numbers: Numbers | None = None
        """What rings at numbers; None while nothing reaches the telephone network."""

    def contact(self, text: str, owner_uri: str) -> str:
        """The user's URI, or `tel:` and the number, that a client names as a target.

        The owner's dial plan makes the number.  400 NormalizationFailed for what is none, 400
        ParameterValidationFailure for a stranger's URI and for the owner itself, 403 Forbidden for
        a number of the emergency services, and for any beyond the users here where the owner's
        policy lets calls go to these alone (CallForwardingSimulRingUsageType InternalOnly).
        """
        address, _, parameters = text.strip().partition(";")
        if "@" in address and "user=phone" not in parameters.lower().split(";"):
            return self._person(text, owner_uri)
        owner = self._users.find(owner_uri)
        if owner is None:
            raise _forbidden("This user is no more.")
        dialled = address.lower().removeprefix("sip:").partition("@")[0] if "@" in address else text
        number = self._voice.normalised(owner, dialled)
        leads = self._voice.forwarding(owner, number)
        if leads.failure == "EmergencyNumber":
            raise _forbidden("Calls are never forwarded to an emergency number.")
        if leads.user_uri == owner_uri:
            raise _itself()
        usage = self._voice.policy_of(owner).call_forwarding_simul_ring_usage_type
        if not leads.user_uri and usage == "InternalOnly":
            raise _forbidden("Calls are forwarded to users of this system only.")
        return f"tel:{number}"

    def way(self, owner_uri: str, contact: str, *, beside: bool) -> Itinerary | None:
        """How a call that a user sends on, or lets ring at `contact` (`tel:...`) too, gets there.

        None for a stranger.
        """
        owner = self._users.find(owner_uri)
        if owner is None:
            return None
        return self._voice.forwarding(owner, contact.removeprefix("tel:"), simultaneous=beside)

    def way_to_voicemail(self, owner_uri: str) -> str | Itinerary | None:
        """The URI whose devices answer for a user, or how its calls get to the number that does."""
        voicemail, owner = self.everybody.voicemail, self._users.find(owner_uri)
        if owner is None or not is_number(voicemail):
            return voicemail or None
        return self._voice.route(owner, voicemail.removeprefix("tel:"))

    def number(
        self, owner_uri: str, way: Itinerary | None, caller_uri: str, *, beside: bool
    ) -> list[Device]:
        """What rings where a user lets its calls ring, with the number of who calls; nothing where
        no way leads there."""
        if self.numbers is None or way is None or way.failure:
            return []
        foreign = self._users.find(caller_uri) is None
        shown = showing(way, number_of(self._users, caller_uri), foreign=foreign)
        return [self.numbers(shown, Diverter(owner_uri, number_of(self._users, owner_uri), beside))]

    @property
    def has_voicemail(self) -> bool:
        """Whether there is voicemail that calls can reach."""
        voicemail = self.everybody.voicemail
        return bool(voicemail) and (not is_number(voicemail) or self.numbers is not None)

    def must_have_voice(self, uri: str) -> None:
        """403 Forbidden for a user without Enterprise Voice."""
        if not self.has_voice(uri):
            raise _forbidden("This user is not enabled for Enterprise Voice.")

    def is_known(self, uri: str) -> bool:
        """Whether there is such a user, who may sign in."""
        user = self._users.find(uri)
        return user is not None and user.enabled

    def has_voice(self, uri: str) -> bool:
        """Whether it has Enterprise Voice, too."""
        user = self._users.find(uri)
        return user is not None and user.enabled and user.enterprise_voice

    def policy_of(self, uri: str) -> VoicePolicy:
        """The voice policy of a user."""
        user = self._users.find(uri)
        return self._voice.policy_of(user if user is not None else User(uri, ""))

    def delegates_of(self, uri: str) -> list[str]:
        """The delegates to whom a user's calls may go now."""
        allowed = self.policy_of(uri).enable_delegation
        return self._delegates.delegates_of(uri) if allowed else []

    def team_of(self, uri: str) -> list[str]:
        """The team to which they may go now."""
        allowed = self.policy_of(uri).enable_team_call
        return self._delegates.team_of(uri) if allowed else []

    def place_of(self, owner_uri: str, contact: str, beside: bool) -> str:
        """Where a contact rings, `beside` the owner or in its place, "" for nowhere.

        The number of a user here is that user.
        """
        owner = self._users.find(owner_uri)
        if owner is None:
            return ""
        if not is_number(contact):
            policy = self._voice.policy_of(owner)
            return contact if beside or policy.allow_call_forwarding else ""
        way = self.way(owner_uri, contact, beside=beside)
        if way is None or way.failure:
            return ""
        if way.user_uri:
            return way.user_uri
        return f"tel:{way.number}" if self.numbers is not None else ""

    def _person(self, text: str, owner_uri: str) -> str:
        uri = user_uri(text)
        user = self._users.find(uri) if uri is not None else None
        if user is None or not user.enabled:
            rule = "must be the SIP URI of a user here or a telephone number"
            raise validation_failure(Parameter("target", rule))
        if user.uri == owner_uri:
            raise _itself()
        return user.uri


def _forbidden(message: str) -> Refusal:
    return Refusal("Forbidden", None, message)


def _itself() -> PeerFault:
    return validation_failure(Parameter("target", "must not be the user itself"))
