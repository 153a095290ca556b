"""What can go wrong with a directory server."""

from mobility.errors import MobilityError

_REASONS = {
    1: "operationsError",
    2: "protocolError",
    3: "timeLimitExceeded",
    4: "sizeLimitExceeded",
    7: "authMethodNotSupported",
    8: "strongerAuthRequired",
    10: "referral",
    11: "adminLimitExceeded",
    12: "unavailableCriticalExtension",
    13: "confidentialityRequired",
    18: "inappropriateMatching",
    19: "constraintViolation",
    32: "noSuchObject",
    34: "invalidDNSyntax",
    48: "inappropriateAuthentication",
    49: "invalidCredentials",
    50: "insufficientAccessRights",
    51: "busy",
    52: "unavailable",
    53: "unwillingToPerform",
    80: "other",
}
"""Result codes that tell an operator something (RFC 4511 §4.1.9)."""


class DirectoryFault(MobilityError):
    """The directory did not do what it was asked; one sentence says why."""


class ServerLost(DirectoryFault):
    """There is no connection to the server, or there is none any more."""


def reason_of(code: int, message: str = "") -> str:
    """A result code, with its name and the server's words where there are any."""
    name = _REASONS.get(code, "")
    return " ".join(filter(None, (f"result {code}", name, f"({message})" if message else "")))
