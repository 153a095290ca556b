"""UCWA: what clients report of their calls' media; it is stored, and said in the log."""

from mobility.events import Catalogue
from mobility.http.body import fields
from mobility.http.message import Response
from mobility.ucwa.declaration import Call, Operation, Resource
from mobility.ucwa.media_errors import ERROR_CODES, ERROR_SUBCODES
from mobility.ucwa.service import Ucwa

EVENTS: Catalogue = {
    "call.quality": {
        "user": "the pseudonym of who reported",
        "call": "the call's id",
        "bytes": "the size of the report, which is stored",
    },
    "call.media_failed": {
        "user": "the pseudonym of who reported",
        "call": "the call's id",
        "code": "UCWA's ErrorCode, - for none",
        "subcode": "UCWA's ErrorSubcode, - for none",
    },
}

MAX_ENDPOINT = 250
"""Characters of mediaEndpoint (our choice)."""

MAX_QUALITY = 64 * 1024
"""Characters of mediaQualityOfExperience (our choice: a report of a long call with video)."""

MAX_DIAGNOSTICS_BYTES = 64 * 1024
"""Bytes of mediaDiagnostics, whose form no page describes (our choice)."""


async def publish_quality(ucwa: Ucwa, call: Call) -> Response:
    body = fields(call.request)
    endpoint = body.text("mediaEndpoint", max_length=MAX_ENDPOINT)
    quality = body.text("mediaQualityOfExperience", max_length=MAX_QUALITY)
    body.check()
    report = await ucwa.call_reports.report(
        call.endpoint,
        call.parameter("conversation"),
        "quality",
        call.now,
        endpoint=endpoint,
        body=quality,
    )
    ucwa.log.emit(
        "call.quality",
        user=ucwa.pseudonym(report.user_uri),
        call=report.call_id,
        bytes=len(quality.encode()),
    )
    return Response(204)


async def report_failure(ucwa: Ucwa, call: Call) -> Response:
    body = fields(call.request)
    code = body.choice("errorCode", ERROR_CODES) or ""
    subcode = body.choice("errorSubcode", ERROR_SUBCODES) or ""
    body.check()
    report = await ucwa.call_reports.report(
        call.endpoint,
        call.parameter("conversation"),
        "failure",
        call.now,
        code=code,
        subcode=subcode,
    )
    ucwa.log.emit(
        "call.media_failed",
        user=ucwa.pseudonym(report.user_uri),
        call=report.call_id,
        code=code or "-",
        subcode=subcode or "-",
    )
    return Response(204)


async def report_diagnostics(ucwa: Ucwa, call: Call) -> Response:
    """The page says nothing of the body: what comes is kept, as text."""
    text = call.request.body.decode(errors="replace")
    report = await ucwa.call_reports.report(
        call.endpoint, call.parameter("conversation"), "diagnostics", call.now, body=text
    )
    ucwa.log.emit(
        "call.media_failed",
        user=ucwa.pseudonym(report.user_uri),
        call=report.call_id,
        code="-",
        subcode="-",
    )
    return Response(204)


_CONVERSATION = "communication/conversations/{conversation}"
_LIMIT = (("Conflict", "LimitExceeded"),)

RESOURCES = (
    Resource(
        "publishCallQualityFeedback",
        f"{_CONVERSATION}/audioVideo/audioVideoSession/publishCallQualityFeedback",
        (
            Operation(
                "POST",
                publish_quality,
                (204,),
                refusals=_LIMIT,
                parameters=("mediaEndpoint", "mediaQualityOfExperience"),
            ),
        ),
    ),
    Resource(
        "reportMediaDiagnostics",
        f"{_CONVERSATION}/audioVideo/reportMediaDiagnostics",
        (
            Operation(
                "POST",
                report_failure,
                (204,),
                refusals=_LIMIT,
                parameters=("errorCode", "errorSubcode"),
            ),
        ),
    ),
    Resource(
        "mediaDiagnostics",
        f"{_CONVERSATION}/mediaDiagnostics",
        (
            Operation(
                "POST",
                report_diagnostics,
                (204,),
                refusals=_LIMIT,
                max_body_bytes=MAX_DIAGNOSTICS_BYTES,
            ),
        ),
    ),
)
