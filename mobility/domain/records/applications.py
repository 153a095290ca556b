"""What lets clients in: tokens, applications with their instances, and receipts."""

from typing import ClassVar

import attrs


@attrs.frozen(slots=True)
class Token:
    """A bearer token, known only by the SHA-256 of its text (hex).

    That of a guest has the URI of the one meeting it is for.
    """

    KEY: ClassVar = ("digest",)
    digest: str = attrs.field(repr=False)
    user_uri: str
    issued_at: float
    expires_at: float
    meeting_uri: str = attrs.field(repr=False, default="")


@attrs.frozen(slots=True)
class Application:
    """One registered endpoint of a user (UCWA `application`), and its event stream.

    `available` is true after makeMeAvailable.  `modalities` and `formats` are comma lists of
    ModalityType and MessageFormat.  `put_token` is the GUID of `communication`'s PUT property and
    `etag` its version.  `id` is also the id of the application's event stream.

    `bearer` is what the client says it is connected by (WiFi, Cellular or Wired), "" unless it has
    said so.

    `lis_location` is where a location information service says the application is, and
    `lis_result` how the client's query of that went (LisQueryResultEnum, "" for none);
    `publishes_location` is Enabled or Disabled, "" unless the client has said so.
    """

    KEY: ClassVar = ("id",)
    id: str
    user_uri: str
    culture: str
    user_agent: str
    endpoint_id: str
    type: str
    created_at: float
    put_token: str
    etag: int = 1
    available: bool = False
    modalities: str = ""
    formats: str = ""
    audio_preference: str = ""
    phone_number: str = attrs.field(repr=False, default="")
    conversation_history: str = "Disabled"
    inactive_timeout_s: int = 300
    lis_location: str = attrs.field(repr=False, default="")
    lis_result: str = ""
    publishes_location: str = ""
    bearer: str = ""

    @property
    def shows_html(self) -> bool:
        """Whether the application has the MessageFormat Html."""
        return "Html" in self.formats.split(",")


@attrs.frozen(slots=True)
class Instance:
    """One tab of an application with an event channel of its own; "" when the client named none."""

    KEY: ClassVar = ("application_id", "instance_id")
    application_id: str
    instance_id: str
    created_at: float


@attrs.frozen(slots=True)
class Receipt:
    """What a POST with an Idempotency-Key did, so that its repeat gets the same answer.

    `fingerprint` is the SHA-256 (hex) of method, path and body; `resource_id` what it created.
    """

    KEY: ClassVar = ("user_uri", "key")
    user_uri: str
    key: str
    fingerprint: str
    resource_id: str
    created_at: float
