"""What front ends ask by SIP MESSAGE (`mobility.push.wire_sip`): the same that they ask over HTTPS.

Who carries the questions is wired elsewhere; here each becomes an answer.
"""

from collections.abc import Awaitable

from mobility.clearing_house.credentials import Credentials
from mobility.clearing_house.intake import Intake
from mobility.clearing_house.organisations import Organisation
from mobility.clearing_house.verdicts import Gone, Verdicts
from mobility.clearing_house.whereabouts import Tracer
from mobility.errors import Answerable
from mobility.push.wire import Health
from mobility.push.wire_sip import (
    Batch,
    HealthWanted,
    Question,
    VerdictsWanted,
    WhereaboutsWanted,
    decode_question,
    encode_error,
    encode_health_within,
    encode_results_within,
    encode_verdicts_within,
    encode_whereabouts_within,
)


class Desk:
    """Answers the questions of organisations."""

    def __init__(
        self, intake: Intake, verdicts: Verdicts, credentials: Credentials, tracer: Tracer
    ) -> None:
        self._intake = intake
        self._tracer = tracer
        self._verdicts = verdicts
        self._credentials = credentials

    def accept(self, organisation: Organisation, body: bytes, gone: Gone) -> Awaitable[bytes]:
        """What will be answered; `gone` says when nobody waits for it any more.

        Raises WireFault for a body that cannot be read.
        """
        return self._answer(organisation, decode_question(body), gone)

    async def _answer(self, organisation: Organisation, question: Question, gone: Gone) -> bytes:
        try:
            match question:
                case Batch():
                    skew_s = self._intake.skew_s(question.now)
                    results = await self._intake.take(organisation, question.items, skew_s)
                    return encode_results_within(results)
                case VerdictsWanted():
                    page = await self._verdicts.page(
                        organisation.name,
                        question.after,
                        question.stream,
                        question.wait_s,
                        gone,
                        question.reader,
                    )
                    return encode_verdicts_within(page)
                case HealthWanted():
                    providers = await self._credentials.fresh(organisation.may_push_to)
                    return encode_health_within(Health(organisation.name, tuple(providers)))
                case WhereaboutsWanted():
                    found = await self._tracer.find(organisation.name, question.ids)
                    return encode_whereabouts_within(found)
        except Answerable as fault:
            return encode_error(fault.status, fault.subcode or "", fault.retry_after_s or 0)
