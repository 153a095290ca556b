"""How an INVITE says that somebody has sent the call on (RFC 5806, RFC 7044, RFC 4458)."""

from urllib.parse import quote

from mobility.domain.diversions import NO_ANSWER, Diversion
from mobility.sip.parties import address


def diverted(
    diversion: Diversion, uri: str, name: str, domain: str, *, voicemail: bool
) -> tuple[str, list[tuple[str, str]]]:
    """The Request-URI `uri` and header fields of a call that `diversion.by`, of this name, sent on.

    Voicemail is told in its URI whose it is and why.
    """
    by = address(diversion.by, name, domain)
    reason = "no-answer" if diversion.cause == NO_ANSWER else "unconditional"
    history = f"<{by.uri}>;index=1, <{uri};cause={diversion.cause}>;index=1.1"
    fields = [("Diversion", f"{by};reason={reason}"), ("History-Info", history)]
    if voicemail:
        target = quote(str(by.uri), safe=":+.-_=")
        uri = f"{uri};target={target};cause={diversion.cause}"
    return uri, fields
