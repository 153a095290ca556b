"""The four routes that front ends speak to (`mobility.push.wire`).

Every request must come with a client certificate that an organisation is known by; nothing is read
of the body of one that does not.
"""

from collections.abc import Callable
from typing import cast

import attrs

from mobility.clearing_house.credentials import Credentials
from mobility.clearing_house.intake import Intake
from mobility.clearing_house.organisations import Organisation, Organisations
from mobility.clearing_house.settings import FEDERATION
from mobility.clearing_house.verdicts import Gone, Verdicts
from mobility.clearing_house.whereabouts import Tracer
from mobility.errors import Parameter, PeerFault, Refusal, validation_failure
from mobility.http.message import Request, Response
from mobility.http.route import Authorisation, Route
from mobility.push import wire
from mobility.push.wire_json import (
    decode_request,
    encode_health,
    encode_results,
    encode_verdicts,
    encode_whereabouts,
    read_ids,
    read_message,
)

SITES = frozenset({FEDERATION})

CONNECTIONS = 128
"""Of one certificate (our choice: a front end has `push.batches`, which is 100 at most, one for
calls and one that polls)."""


@attrs.frozen(slots=True)
class Sender:
    """Whose request it is (`mobility.http.message.Caller`): users are unknown here."""

    organisation: Organisation

    @property
    def user_uri(self) -> str:
        """What the access line names: the organisation."""
        return self.organisation.name


def known_to(organisations: Organisations) -> Callable[[Request], Sender]:
    """Finds the sender of a request by the names in its certificate."""

    def authenticate(request: Request) -> Sender:
        organisation = organisations.of(request.certificate_names)
        if organisation is None:
            raise Refusal(
                "Forbidden",
                "UnknownOrganisation",
                "The names in your certificate belong to no organisation, or to several.",
            )
        return Sender(organisation)

    return authenticate


def routes(
    intake: Intake,
    verdicts: Verdicts,
    credentials: Credentials,
    tracer: Tracer,
) -> list[Route]:
    """The routes of the federation listener."""

    def whose(request: Request) -> Organisation:
        return cast(Sender, request.caller).organisation

    async def notifications(request: Request) -> Response:
        _check_type(request)
        organisation = whose(request)
        sent_at, items = decode_request(request.body)
        results = await intake.take(organisation, items, intake.skew_s(sent_at))
        return _json(encode_results(results))

    async def news(request: Request) -> Response:
        organisation = whose(request)
        after = _number(request, "after", 0, 2**53)
        wait_s = _number(request, "wait", 0, int(wire.MAX_WAIT_S))
        gone = Gone()
        request.on_disconnect = gone.disconnected
        stream = request.query.get("stream", "")[: wire.KEY_CHARACTERS]
        reader = request.query.get("reader", "")[: wire.READER_CHARACTERS]
        page = await verdicts.page(organisation.name, after, stream, wait_s, gone, reader)
        return _json(encode_verdicts(page))

    async def health(request: Request) -> Response:
        organisation = whose(request)
        providers = await credentials.fresh(organisation.may_push_to)
        return _json(encode_health(wire.Health(organisation.name, tuple(providers))))

    async def whereabouts(request: Request) -> Response:
        _check_type(request)
        organisation = whose(request)
        ids = read_ids(read_message(request.body, wire.BATCH_BYTES))
        return _json(encode_whereabouts(await tracer.find(organisation.name, ids)))

    def unknown_version(_request: Request) -> Response:
        raise wire.WireFault(
            "UnknownVersion", f"This clearing house speaks version {wire.VERSION} only."
        )

    bearer = Authorisation.BEARER
    return [
        Route(
            "push.notifications",
            "POST",
            wire.NOTIFICATIONS_PATH,
            notifications,
            bearer,
            SITES,
            max_body_bytes=wire.BATCH_BYTES,
        ),
        Route("push.verdicts", "GET", wire.VERDICTS_PATH, news, bearer, SITES, may_park=True),
        Route("push.health", "GET", wire.HEALTH_PATH, health, bearer, SITES),
        Route("push.whereabouts", "POST", wire.WHEREABOUTS_PATH, whereabouts, bearer, SITES),
        *(
            Route(
                "push.version", method, f"/push/{{version}}/{rest}", unknown_version, bearer, SITES
            )
            for method, rest in (
                ("POST", "notifications"),
                ("GET", "verdicts"),
                ("GET", "health"),
                ("POST", "whereabouts"),
            )
        ),
    ]


def _check_type(request: Request) -> None:
    """415 for a body that says it is something else than JSON in UTF-8; saying nothing is fine."""
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().partition("charset=")[2].strip('"')
    if media_type.strip().lower() not in ("", wire.CONTENT_TYPE) or charset not in ("", "utf-8"):
        raise PeerFault(
            "UnsupportedMediaType", None, f"The body must be {wire.CONTENT_TYPE}, in UTF-8."
        )


def _number(request: Request, name: str, least: int, most: int) -> int:
    text = request.query.get(name, str(least))
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and least <= int(text) <= most):
        raise validation_failure(Parameter(name, f"must be a number from {least} to {most}"))
    return int(text)


def _json(body: bytes) -> Response:
    return Response(
        200,
        body=body,
        content_type=wire.CONTENT_TYPE,
        headers=[("Cache-Control", "no-store")],
    )
