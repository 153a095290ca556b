"""The three routes that front ends speak to (`mobility.push.wire`).

Every request must come with a client certificate that an organisation is known by.
"""

from mobility.clearing_house.credentials import Credentials
from mobility.clearing_house.intake import Intake
from mobility.clearing_house.organisations import Organisation, Organisations
from mobility.clearing_house.settings import FEDERATION
from mobility.clearing_house.verdicts import Gone, Verdicts
from mobility.errors import Parameter, Refusal, validation_failure
from mobility.http.message import Request, Response
from mobility.http.route import Authorisation, Route
from mobility.push import wire
from mobility.push.wire_json import decode_request, encode_health, encode_results, encode_verdicts

SITES = frozenset({FEDERATION})


def routes(
    organisations: Organisations,
    intake: Intake,
    verdicts: Verdicts,
    credentials: Credentials,
) -> list[Route]:
    """The routes of the federation listener."""

    def whose(request: Request) -> Organisation:
        organisation = organisations.of(request.certificate_names)
        if organisation is None:
            raise Refusal(
                "Forbidden",
                "UnknownOrganisation",
                "The names in your certificate belong to no organisation, or to several.",
            )
        return organisation

    async def notifications(request: Request) -> Response:
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
        page = await verdicts.page(organisation.name, after, stream, wait_s, gone)
        return _json(encode_verdicts(page))

    async def health(request: Request) -> Response:
        organisation = whose(request)
        providers = await credentials.fresh(organisation.may_push_to)
        return _json(encode_health(wire.Health(organisation.name, tuple(providers))))

    def unknown_version(request: Request) -> Response:
        whose(request)
        raise wire.WireFault(
            "UnknownVersion", f"This clearing house speaks version {wire.VERSION} only."
        )

    none = Authorisation.NONE
    return [
        Route(
            "push.notifications",
            "POST",
            wire.NOTIFICATIONS_PATH,
            notifications,
            none,
            SITES,
            max_body_bytes=wire.BATCH_BYTES,
        ),
        Route("push.verdicts", "GET", wire.VERDICTS_PATH, news, none, SITES, may_park=True),
        Route("push.health", "GET", wire.HEALTH_PATH, health, none, SITES),
        *(
            Route("push.version", method, f"/push/{{version}}/{rest}", unknown_version, none, SITES)
            for method, rest in (("POST", "notifications"), ("GET", "verdicts"), ("GET", "health"))
        ),
    ]


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
