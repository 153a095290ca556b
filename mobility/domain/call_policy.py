"""What policy lets a user do in calls: the one place that decisions and links ask."""

from collections.abc import Callable

import attrs


@attrs.frozen(slots=True)
class CallPolicy:
    """The media a user may call with (CsMobilityPolicy's EnableIPAudioVideo and its like).

    `for_others` says that it is somebody's delegate, `phone` that it may call with its telephone
    (EnableOutsideVoice), `emergency` that emergency calls get through, `relay` that there is a
    media relay for it.
    """

    audio: bool = True
    video: bool = True
    for_others: bool = False
    phone: bool = False
    emergency: bool = False
    relay: bool = False

    def allows(self, medium: str) -> bool:
        """Whether Audio or Video may be used."""
        return self.audio if medium == "Audio" else self.video


def anybody(uri: str) -> CallPolicy:  # noqa: ARG001  # the same for all
    """The policy where none says otherwise."""
    return CallPolicy()


@attrs.define(slots=True)
class CallPolicies:
    """The policy of each user, from where policies come from."""

    of: Callable[[str], CallPolicy] = anybody
    """The policy of a user's URI."""
