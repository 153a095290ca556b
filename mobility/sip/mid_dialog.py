"""What refusals of requests within a dialog say about it (RFC 5057 section 5.1)."""

from mobility.sip.grammar import Malformed
from mobility.sip.headers import seconds
from mobility.sip.message import Response

ENDS_DIALOG = frozenset({404, 410, 416, 482, 483, 484, 485, 502, 604})
"""What is wrong with the dialog itself: where the peer said that it is, or the way there."""

ENDS_USAGE = frozenset({408, 480, 481})
"""What is over is the usage of the request; 480 without Retry-After alone."""

ENDS_INVITED = frozenset({405, 501})
"""The same, for a re-INVITE: other methods the peer may just not know."""


def ends_call(response: Response) -> bool:
    """Whether a call is over after this response to a request of its own within its dialog.

    All others are about the request alone, 503 of the peer or of a proxy among them.  A peer to
    which there is no way (a 503 made here) has not been heard, as after a 408.
    """
    status = response.status
    if status == 503:
        return not response.heard
    if status in ENDS_INVITED:
        return response.cseq.method == "INVITE"
    if status == 480:
        return retry_after(response) is None
    return status in ENDS_DIALOG or status in ENDS_USAGE


def retry_after(response: Response) -> int | None:
    """The seconds of Retry-After, None without one that can be read."""
    value = response.first("Retry-After")
    if value is None:
        return None
    try:
        return seconds(value)
    except Malformed:
        return None
