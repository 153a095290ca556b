"""Why there is no answer of a provider, in words that hold nothing of what a peer has sent."""

from OpenSSL import SSL
from service_identity import VerificationError

CHARACTERS = 80


def reason_of(error: BaseException | None) -> str:
    """The kind of trouble, without addresses: of several the last."""
    reasons = getattr(error, "reasons", None)
    if reasons:
        return reason_of(reasons[-1].value)
    if isinstance(error, VerificationError):
        return "TLS: the certificate is for another name"
    if isinstance(error, SSL.Error):
        return f"TLS: {_words(error)}"[:CHARACTERS]
    return "closed" if error is None else type(error).__name__


def _words(error: SSL.Error) -> str:
    """What OpenSSL says in its own words."""
    try:
        return str(error.args[0][-1][2])
    except (IndexError, TypeError):
        return type(error).__name__
