"""The three families of failure: the peer's fault, the operator's fault, and a refusal.

The first and the last are answered to the peer in its protocol's own form, so both carry
what a UCWA error body carries (UCWA "Errors and informational messages": `code`, `subcode`,
`message`, `parameters`).  The operator's fault becomes one line and exit status 2.
"""

from collections.abc import Sequence

import attrs

STATUS_OF_CODE = {
    "BadRequest": 400,
    "Forbidden": 403,
    "NotFound": 404,
    "MethodNotAllowed": 405,
    "NotAcceptable": 406,
    "ClientTimeout": 408,
    "Conflict": 409,
    "Gone": 410,
    "PreconditionFailed": 412,
    "EntityTooLarge": 413,
    "UnsupportedMediaType": 415,
    "PreconditionRequired": 428,
    "TooManyRequests": 429,
    "ServiceFailure": 500,
    "ServiceUnavailable": 503,
    "Timeout": 504,
}
"""UCWA error code to HTTP status (UCWA GenericSynchronousErrors)."""


class MobilityError(Exception):
    """The base of every failure this package raises on purpose."""


@attrs.frozen
class Parameter:
    """One wrong input value, as the `parameters` of a 400 body list it."""

    name: str
    reason: str


class Answerable(MobilityError):
    """A failure that is told to the peer.

    `code` is a UCWA error code (a key of `STATUS_OF_CODE`), `subcode` a UCWA subcode or None,
    `message` a sentence for a person, `retry_after_s` whole seconds or None.
    """

    def __init__(
        self,
        code: str,
        subcode: str | None = None,
        message: str = "",
        *,
        parameters: Sequence[Parameter] = (),
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(code, subcode, message)
        self.code = code
        self.subcode = subcode
        self.message = message
        self.parameters = tuple(parameters)
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """The HTTP status that goes with `code`."""
        return STATUS_OF_CODE[self.code]


class PeerFault(Answerable):
    """What the peer sent cannot be read: malformed, too large, too slow, of an unknown type."""


class Refusal(Answerable):
    """What the peer asks is understood, and policy, role, state or a limit forbids it."""


class Unavailable(Refusal):
    """The service cannot do it now (store full, read-only or draining): 503 with Retry-After."""

    def __init__(self, message: str, retry_after_s: int = 5) -> None:
        super().__init__("ServiceUnavailable", None, message, retry_after_s=retry_after_s)


def validation_failure(*parameters: Parameter) -> PeerFault:
    """400 BadRequest / ParameterValidationFailure that lists each wrong parameter."""
    names = ", ".join(sorted({parameter.name for parameter in parameters}))
    return PeerFault(
        "BadRequest",
        "ParameterValidationFailure",
        f"Missing or wrong: {names}.",
        parameters=parameters,
    )


class OperatorFault(MobilityError):
    """Something the operator must mend: one line that names the file, the key and the rule.

    `where` is a file name or what else is wrong, `key` a dotted key or "", `rule` a sentence.
    A value is quoted by the caller only when it is no secret.
    """

    def __init__(self, where: str, rule: str, key: str = "") -> None:
        super().__init__(where, rule, key)
        self.where = where
        self.rule = rule
        self.key = key

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.rule) if part)
