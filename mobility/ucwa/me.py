"""UCWA area *me*: makeMeAvailable, own presence, note and location, phones and photo."""

import re
from collections.abc import Callable

from mobility.domain.phones import Phone, normalised, phones_of, with_phone
from mobility.domain.presence import SETTABLE
from mobility.domain.records import Presence, User
from mobility.domain.registration import Availability
from mobility.errors import Refusal
from mobility.http.body import Fields, fields
from mobility.http.message import Document, Response
from mobility.ucwa import documents
from mobility.ucwa.application import owner
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Operation, Resource, required_version
from mobility.ucwa.hrefs import Hrefs
from mobility.ucwa.service import Ucwa

MODALITIES = (
    "Messaging",
    "PhoneAudio",
    "Audio",
    "Video",
    "PanoramicVideo",
    "ApplicationSharing",
    "DataCollaboration",
)
"""ModalityType, with the values its page lacks and the parameter tables have."""

CARRIED = ("Messaging", "Audio", "Video", "ApplicationSharing", "DataCollaboration")
"""The modalities that this front end brings, beside PhoneAudio to those who may call with their
telephone."""

MAKE_ME_AVAILABLE_REVISION = 2
"""makeMeAvailable2 answers 201 with what was accepted and rejected."""

FORMATS = ("Plain", "Html")
AUDIO_PREFERENCES = ("PhoneAudio", "VoipAudio")

MAX_LOCATION = 60
"""Characters of a location (UCWA rel `location`)."""

MAX_NOTE = 500
"""Characters of a note (our choice: what the clients' own entry fields allow)."""

MAX_CARD_NUMBER = 80
"""Characters of a number of the contact card (UCWA rel `changeNumber`)."""

MAX_PHONE = 100
"""Characters of a phone number (UCWA rel `communication`)."""

DEFAULT_INACTIVE_TIMEOUT_S = 300
"""inactiveTimeout without a value (UCWA rel `makeMeAvailable`: 5 minutes)."""

INACTIVE_TIMEOUT_S = (60, 86_400)
"""The least and largest inactiveTimeout that is taken (our choice; the default is 300)."""

_ISO_DURATION = re.compile(r"PT(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,8})(?:\.\d{1,9})?S)?", re.A)
_CLOCK_DURATION = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d)(?:\.\d{1,9})?", re.A)

MAX_TIME_SPAN = 32
"""Characters of a time span: both spellings with all their digits."""

AVAILABLE_FIRST = (("Conflict", "MakeMeAvailableRequired"),)


def get_me(ucwa: Ucwa, call: Call) -> Response:
    return Response(document=documents.me(call.endpoint, owner(ucwa, call.endpoint)))


async def make_me_available(ucwa: Ucwa, call: Call) -> Response:
    """204 as on the task pages; who asks for revision 2 hears which modalities can come."""
    body = fields(call.request)
    modalities = body.choices("supportedModalities", MODALITIES) or ("Messaging",)
    availability = Availability(
        modalities=modalities,
        formats=body.choices("supportedMessageFormats", FORMATS) or ("Plain",),
        sign_in_as=body.choice("signInAs", SETTABLE),
        audio_preference=body.choice("audioPreference", AUDIO_PREFERENCES) or "",
        phone_number=body.text("phoneNumber", max_length=MAX_PHONE),
        inactive_timeout_s=_inactive_timeout(body),
    )
    _time_span(body, "voipFallbackToPhoneAudioTimeOut")  # there are no calls it could apply to
    body.check()
    await ucwa.applications.make_available(call.endpoint, availability, call.now)
    if required_version(call.request) < MAKE_ME_AVAILABLE_REVISION:
        return Response(204)
    own = call.hrefs.of("me/makeMeAvailable")
    by_phone = ucwa.calls.policies.at(call.endpoint).phone
    carried = (*CARRIED, "PhoneAudio") if by_phone else CARRIED
    operations = [
        f"{modality}: {'accepted' if modality in carried else 'rejected'}"
        for modality in modalities
    ]
    return Response(
        201,
        document={
            "rel": "makeMeAvailable",
            "operations": operations,
            "_links": documents.links(self=own),
        },
        headers=[("Location", own)],
    )


async def report_my_activity(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.applications.report_activity(call.endpoint, call.now)
    return Response(204)


def shown_to_self(
    document: Callable[[Hrefs, Presence], Document],
) -> Callable[[Ucwa, Call], Response]:
    """A GET that shows one part of the user's own presence; 409 before makeMeAvailable."""

    def get(ucwa: Ucwa, call: Call) -> Response:
        ucwa.applications.must_be_available(call.endpoint)
        presence = ucwa.presence.of(call.endpoint.user_uri)
        return Response(document=document(call.hrefs, presence))

    return get


async def post_presence(ucwa: Ucwa, call: Call) -> Response:
    body = fields(call.request)
    chosen = body.choice("availability", SETTABLE) or ""
    body.check()
    await ucwa.applications.set_presence(call.endpoint, chosen, call.now)
    return Response(204)


async def post_note(ucwa: Ucwa, call: Call) -> Response:
    body = fields(call.request)
    text = body.text("message", max_length=MAX_NOTE)
    body.check()
    await ucwa.applications.set_note(call.endpoint, text)
    return Response(204)


async def post_location(ucwa: Ucwa, call: Call) -> Response:
    body = fields(call.request)
    text = body.text("location", max_length=MAX_LOCATION)
    body.check()
    await ucwa.applications.set_location(call.endpoint, text)
    return Response(204)


def get_phones(ucwa: Ucwa, call: Call) -> Response:
    """All numbers of the user, and those that could be set."""
    own = call.hrefs.of("me/phones")
    phones = phones_of(owner(ucwa, call.endpoint))
    shown = [_phone_document(own, one) for one in phones if one.number or not one.fixed]
    return Response(
        document={
            "rel": "phones",
            "_links": documents.links(self=own),
            "_embedded": {"phone": shown},
        }
    )


def get_phone(ucwa: Ucwa, call: Call) -> Response:
    return Response(document=_phone_document(call.hrefs.of("me/phones"), _phone(ucwa, call)))


async def change_number(ucwa: Ucwa, call: Call) -> Response:
    """Another number, or without `number` none (UCWA rel `changeNumber`)."""
    phone = _changeable(ucwa, call)
    body = fields(call.request)
    text = body.text("number", max_length=MAX_CARD_NUMBER)
    visible = body.boolean("includeInContactCard")
    body.check()
    number = normalised(text) if text else ""
    if number is None:
        raise Refusal("BadRequest", "NormalizationFailed", "This is no telephone number.")
    await _change_phone(ucwa, call, phone, number, visible)
    return Response(204)


async def change_visibility(ucwa: Ucwa, call: Call) -> Response:
    phone = _changeable(ucwa, call)
    body = fields(call.request)
    visible = body.boolean("includeInContactCard")
    body.check()
    await _change_phone(ucwa, call, phone, None, visible)
    return Response(204)


async def _change_phone(
    ucwa: Ucwa, call: Call, phone: Phone, number: str | None, visible: bool | None
) -> None:
    def changed(user: User) -> User:
        return with_phone(user, phone.kind, number, visible)

    await ucwa.users.update(call.endpoint.user_uri, changed, call.now)


def _phone(ucwa: Ucwa, call: Call) -> Phone:
    """The phone of the path's kind; 404 for one that is not there and cannot be."""
    wanted = call.parameter("kind").lower()
    for phone in phones_of(owner(ucwa, call.endpoint)):
        if phone.kind == wanted and (phone.number or not phone.fixed):
            return phone
    raise Refusal("NotFound", "ResourceNotFound", "There is no such phone.")


def _changeable(ucwa: Ucwa, call: Call) -> Phone:
    phone = _phone(ucwa, call)
    if phone.fixed:
        raise Refusal("Conflict", None, "This number is set by the administrator.")
    return phone


def _phone_document(phones: str, phone: Phone) -> Document:
    own = f"{phones}/{phone.kind}"
    changes = () if phone.fixed else ("changeNumber", "changeVisibility")
    return documents.tagged(
        {
            "rel": "phone",
            **documents.present(number=documents.tel(phone.number)),
            "type": phone.kind.capitalize(),
            "includeInContactCard": phone.visible,
            "_links": documents.links(self=own, **{rel: f"{own}/{rel}" for rel in changes}),
        }
    )


def _inactive_timeout(body: Fields) -> int:
    """How long a user is active after the last sign of it; 300 s unless the client says."""
    seconds = _time_span(body, "inactiveTimeout")
    if seconds is None:
        return DEFAULT_INACTIVE_TIMEOUT_S
    least, most = INACTIVE_TIMEOUT_S
    if not least <= seconds <= most:
        body.fail("inactiveTimeout", f"must be from {least} to {most} seconds")
    return seconds


def _time_span(body: Fields, name: str) -> int | None:
    """The whole seconds of a TimeSpan, written `PT5M` or `00:05:00`; None without a good one."""
    text = body.text(name, max_length=MAX_TIME_SPAN)
    if not text:
        return None
    match = _CLOCK_DURATION.fullmatch(text) or _ISO_DURATION.fullmatch(text)
    if match is None or text.endswith("T"):
        body.fail(name, "must be a time span such as PT5M or 00:05:00")
        return None
    hours, minutes, rest = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest


RESOURCES = (
    Resource(
        "me",
        "me",
        (Operation("GET", get_me),),
        events=(Event("updated", "me", Priority.MEDIUM),),
    ),
    Resource(
        "makeMeAvailable",
        "me/makeMeAvailable",
        (
            Operation(
                "POST",
                make_me_available,
                (201, 204),
                refusals=(("Conflict", "AlreadyExists"),),
                parameters=(
                    "audioPreference",
                    "inactiveTimeout",
                    "phoneNumber",
                    "signInAs",
                    "supportedMessageFormats",
                    "supportedModalities",
                    "voipFallbackToPhoneAudioTimeOut",
                ),
            ),
        ),
        aliases=("communication/makeMeAvailable",),
        revision=MAKE_ME_AVAILABLE_REVISION,
    ),
    Resource(
        "reportMyActivity",
        "me/reportMyActivity",
        (Operation("POST", report_my_activity, (204,), refusals=AVAILABLE_FIRST),),
        aliases=("reportMyActivity",),
    ),
    *(
        Resource(
            rel,
            f"me/{rel}",
            (
                Operation("GET", shown_to_self(document), refusals=AVAILABLE_FIRST),
                Operation("POST", write, (204,), refusals=AVAILABLE_FIRST, parameters=(parameter,)),
            ),
            events=tuple(Event(kind, "me", Priority.MEDIUM) for kind in ("added", "updated")),
        )
        for rel, document, write, parameter in (
            ("presence", documents.own_presence, post_presence, "availability"),
            ("note", documents.own_note, post_note, "message"),
            ("location", documents.own_location, post_location, "location"),
        )
    ),
    Resource("phones", "me/phones", (Operation("GET", get_phones),)),
    Resource("phone", "me/phones/{kind}", (Operation("GET", get_phone),)),
    Resource(
        "changeNumber",
        "me/phones/{kind}/changeNumber",
        (
            Operation(
                "POST",
                change_number,
                (204,),
                refusals=(("Conflict", ""), ("BadRequest", "NormalizationFailed")),
                parameters=("includeInContactCard", "number"),
            ),
        ),
    ),
    Resource(
        "changeVisibility",
        "me/phones/{kind}/changeVisibility",
        (
            Operation(
                "POST",
                change_visibility,
                (204,),
                refusals=(("Conflict", ""),),
                parameters=("includeInContactCard",),
            ),
        ),
    ),
)
