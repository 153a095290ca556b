"""Voice routing: what administrators set, and whom it is granted to."""

from typing import ClassVar

import attrs


@attrs.frozen(slots=True)
class VoiceSetting:
    """One object of voice routing (`mobility.domain.voice_objects`).

    `kind` is its kind there, `name` its identity in lower case, `document` the object as JSON.
    `version` counts its changes from 1.
    """

    KEY: ClassVar = ("kind", "name")
    kind: str
    name: str
    version: int
    document: str


@attrs.frozen(slots=True)
class VoiceGrant:
    """The voice policy and the dial plan granted to one user: identities, "" for none."""

    KEY: ClassVar = ("user_uri",)
    user_uri: str
    version: int
    voice_policy: str = ""
    dial_plan: str = ""
