"""Time-limited credentials for TURN servers, as coturn's `use-auth-secret` checks them.

The user name is the time at which they expire and a name of the user; the password is a
keyed hash of it under a secret that is shared with the relay ("A REST API For Access To TURN
Services", draft-uberti-behave-turn-rest-00).  So the relay needs no list of users.
"""

import hmac
from base64 import b64encode

import attrs

from mobility.config.media import MediaConfig

NAME_CHARACTERS = 16


@attrs.frozen(slots=True)
class RelayCredentials:
    """User name and password for a relay, good until `valid_until` (epoch seconds)."""

    user_name: str
    password: str = attrs.field(repr=False)
    valid_until: int


def relay_credentials(secret: bytes, uri: str, now: float, lifetime_s: int) -> RelayCredentials:
    """Credentials for the user with this URI, whom their name does not tell.

    Under one secret a user always has the same name, so that the relay's own log can be read.
    """
    valid_until = int(now) + lifetime_s
    name = hmac.new(secret, b"name:" + uri.encode(), "sha256").hexdigest()[:NAME_CHARACTERS]
    user_name = f"{valid_until}:{name}"
    digest = hmac.new(secret, user_name.encode(), "sha1").digest()
    return RelayCredentials(user_name, b64encode(digest).decode(), valid_until)


@attrs.frozen(slots=True)
class Relays:
    """The media relays of this front end, and the secret shared with them."""

    settings: MediaConfig
    secret: bytes = attrs.field(repr=False)

    def __bool__(self) -> bool:
        return bool(self.settings.relays)
