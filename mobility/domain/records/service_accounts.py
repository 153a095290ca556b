"""Service accounts: bots, kiosks and boards."""

from typing import ClassVar

import attrs


@attrs.frozen(slots=True)
class ServiceAccount:
    """What a service account may do: `scopes` is a comma list (`mobility.domain.scopes`).

    Its name and address are those of the `User` of the same URI.
    """

    KEY: ClassVar = ("user_uri",)
    user_uri: str
    version: int
    scopes: str


@attrs.frozen(slots=True)
class ServiceSecret:
    """A secret of a service account, known only by the SHA-256 of its text (hex).

    It is good until `expires_at`, 0 for ever.
    """

    KEY: ClassVar = ("digest",)
    digest: str = attrs.field(repr=False)
    user_uri: str
    created_at: float
    expires_at: float = 0.0
