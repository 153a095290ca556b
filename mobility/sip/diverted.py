"""How an INVITE says that somebody has sent the call on (RFC 5806, RFC 7044, RFC 4458)."""

from urllib.parse import quote

from mobility.domain.diversions import Cause, Diversion
from mobility.sip.parties import address

SAID = {
    Cause.UNCONDITIONAL: (302, "unconditional"),
    Cause.FOLLOW_ME: (302, "follow-me"),
    Cause.BUSY: (486, "user-busy"),
    Cause.DO_NOT_DISTURB: (486, "do-not-disturb"),
    Cause.REFUSED: (480, "deflection"),
    Cause.DECLINED: (487, "deflection"),
    Cause.UNANSWERED: (408, "no-answer"),
    Cause.AWAY: (404, "unavailable"),
}
"""Causes as RFC 4458 section 2 numbers them, and as RFC 5806 names the reasons of a Diversion."""


def diverted(
    diversion: Diversion, uri: str, name: str, domain: str, *, voicemail: bool
) -> tuple[str, list[tuple[str, str]]]:
    """The Request-URI `uri` and header fields of a call that `diversion.by`, of this name, sent on.

    It is named by its number where it has one that counts there.  Voicemail is told in its URI
    whose it is and why.
    """
    cause, reason = SAID[diversion.cause]
    user = address(diversion.by, name, domain)
    by = address(f"tel:{diversion.number}", name, domain) if diversion.number else user
    tried = str(by.uri)
    if cause != 302:  # an attempt to reach it has come to this (RFC 7044 section 10.2)
        tried += f"?Reason=SIP%3Bcause%3D{cause}"
    how = "rc" if diversion.cause is Cause.FOLLOW_ME else "mp"
    history = f"<{tried}>;index=1, <{uri};cause={cause}>;index=1.1;{how}=1"
    fields = [("Diversion", f"{by};reason={reason}"), ("History-Info", history)]
    if voicemail:
        target = quote(str(user.uri), safe=":+.-_=")
        uri = f"{uri};target={target};cause={cause}"
    return uri, fields
