"""What a client says of itself and of its user: on registering, and with makeMeAvailable."""

import uuid

import attrs

from mobility.domain.records import Application


@attrs.frozen(slots=True)
class Registration:
    """What a client says of itself when it creates an application, and a setting of ours."""

    culture: str
    user_agent: str
    endpoint_id: str
    type: str = ""
    instance_id: str = ""
    conversation_history: str = "Enabled"

    def record(self, application_id: str, user_uri: str, now: float) -> Application:
        """The application that the client asks for."""
        return Application(
            id=application_id,
            user_uri=user_uri,
            culture=self.culture,
            user_agent=self.user_agent,
            endpoint_id=self.endpoint_id,
            type=self.type,
            created_at=now,
            put_token=str(uuid.uuid4()),
            conversation_history=self.conversation_history,
        )

    def names(self, record: Application) -> bool:
        """Whether `record` is the application that the client means."""
        said = (self.culture, self.endpoint_id, self.type, self.user_agent)
        return said == (record.culture, record.endpoint_id, record.type, record.user_agent)


@attrs.frozen(slots=True)
class Availability:
    """What makeMeAvailable sets; None where the client said nothing."""

    modalities: tuple[str, ...] = ()
    formats: tuple[str, ...] = ("Plain",)
    sign_in_as: str | None = None
    audio_preference: str = ""
    phone_number: str = attrs.field(repr=False, default="")
    inactive_timeout_s: int = 300
