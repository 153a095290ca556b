"""Mobility policy: what administrators set, and whom it is granted to."""

from typing import ClassVar

import attrs


@attrs.frozen(slots=True)
class MobilitySetting:
    """One mobility policy (`mobility.domain.mobility_policy`).

    `kind` is its kind there, `name` its identity in lower case, `document` the object as JSON.
    `version` counts its changes from 1.
    """

    KEY: ClassVar = ("kind", "name")
    kind: str
    name: str
    version: int
    document: str


@attrs.frozen(slots=True)
class MobilityGrant:
    """The mobility policy granted to one user: its identity, "" for none."""

    KEY: ClassVar = ("user_uri",)
    user_uri: str
    version: int
    mobility_policy: str = ""
