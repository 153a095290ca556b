"""What policy lets a user do in calls: the one place that decisions and links ask."""

from collections.abc import Callable, Iterable

import attrs

from mobility.domain.applications import Endpoint
from mobility.domain.content_states import DOCUMENTS, SCREEN
from mobility.domain.lines import Device, is_line
from mobility.domain.records import User
from mobility.errors import Refusal

WIFI, CELLULAR, WIRED = "WiFi", "Cellular", "Wired"
_NAMES = {SCREEN: "application sharing", DOCUMENTS: "data collaboration"}
"""What is not called with, as errors name it."""

BEARERS = (WIFI, CELLULAR, WIRED)
"""What a client may say that it is connected by (our extension of UCWA rel `reportMyNetwork`)."""


@attrs.frozen(slots=True)
class CallPolicy:
    """The media a user may call with (CsMobilityPolicy's EnableIPAudioVideo and its like).

    `for_others` says that it is somebody's delegate, `phone` that it may call with its telephone
    (EnableOutsideVoice), `emergency` that emergency calls get through, `relay` that there is a
    media relay for it.  `mixed` says that there is audio in conferences, `mixed_video` that there
    is video as well, `joins_by_phone` that they may call the user's telephone.  `screens` and
    `documents` say that it may share these (EnableAppDesktopSharing and EnableDataCollaboration of
    CsConferencingPolicy).  `wifi_audio`, `wifi_video` and `wifi_sharing` say that these media, and
    both kinds of sharing, are for Wi-Fi alone.
    `name` is the mobility policy's.
    """

    audio: bool = True
    video: bool = True
    for_others: bool = False
    phone: bool = False
    emergency: bool = False
    relay: bool = False
    screens: bool = True
    documents: bool = True
    wifi_audio: bool = False
    wifi_video: bool = False
    wifi_sharing: bool = False
    mixed: bool = False
    mixed_video: bool = False
    joins_by_phone: bool = False
    name: str = ""

    def allows(self, medium: str) -> bool:
        """Whether Audio, Video, ApplicationSharing or DataCollaboration may be used."""
        allowed = {"Audio": self.audio, SCREEN: self.screens, DOCUMENTS: self.documents}
        return allowed.get(medium, self.video)

    def over(self, bearer: str) -> "CallPolicy":
        """The policy for a client that is connected by `bearer`; "" when it has not said so."""
        if bearer != CELLULAR:
            return self
        return attrs.evolve(
            self,
            audio=self.audio and not self.wifi_audio,
            video=self.video and not self.wifi_video,
            screens=self.screens and not self.wifi_sharing,
            documents=self.documents and not self.wifi_sharing,
        )


def anybody(uri: str) -> CallPolicy:  # noqa: ARG001  # the same for all
    """The policy where none says otherwise."""
    return CallPolicy()


def anyone(user: User) -> CallPolicy:
    """The same, of a user."""
    return anybody(user.uri)


@attrs.define(slots=True)
class CallPolicies:
    """The policy of each user, from where policies come from."""

    of: Callable[[str], CallPolicy] = anybody
    """The policy of a user's URI."""

    of_user: Callable[[User], CallPolicy] = anyone
    """The policy of a user as it is, or as it will be."""

    scopes_of: Callable[[str], frozenset[str] | None] = lambda _: None
    """What a service account is limited to (`mobility.domain.scopes`); None for people."""

    def at(self, device: Device) -> CallPolicy:
        """The policy of a user on one of its devices.

        On lines, which are desk phones and gateways, mobility policy says nothing of media.
        """
        policy = self.of(device.user_uri)
        if is_line(device.id):
            return attrs.evolve(policy, audio=True, video=True)
        return policy.over(device.record.bearer) if isinstance(device, Endpoint) else policy

    def allow(self, device: Device, modality: str) -> bool:
        """Whether a device may be invited to a modality, as far as it is one of calls."""
        ruled = ("Audio", "Video", SCREEN, DOCUMENTS)
        return modality not in ruled or self.at(device).allows(modality)

    def must_allow(self, device: Device, media: Iterable[str]) -> None:
        """403 where policy forbids a device one of the media."""
        policy = self.at(device)
        for medium in media:
            if not policy.allows(medium):
                here = self.of(device.user_uri).allows(medium)
                what = _NAMES.get(medium, f"{medium.lower()} calls")
                why = f"{what}{' outside of Wi-Fi' if here else ''}"
                by = f"Mobility policy {policy.name}" if policy.name else "Policy"
                raise Refusal("Forbidden", None, f"{by} forbids {why}.")
