"""`X-Ms-diagnostics` of sign-in: a number and a sentence that say why a request was refused.

28029 and 28032 are the vendor's (UCWA "Authentication in UCWA"; 28032 as its servers send
it for a ticket they did not issue).  No number is published for the other reasons, so those stand
in the 28900s.  Clients are told not to depend on the header.
"""

import attrs

HEADER = "X-Ms-diagnostics"


@attrs.frozen(slots=True)
class Diagnostic:
    """One reason: `id` is a decimal number, `reason` an ASCII sentence without quotes."""

    id: int
    reason: str

    def header(self, server_fqdn: str) -> tuple[str, str]:
        """The header name and value; `server_fqdn` is the server that refuses."""
        return HEADER, f'{self.id};source="{server_fqdn}";reason="{self.reason}"'


GRANT_NOT_ALLOWED = Diagnostic(28029, "Authentication type not allowed.")
BAD_TOKEN = Diagnostic(28032, "The web ticket is invalid.")
MALFORMED = Diagnostic(28901, "The token request is malformed.")
BAD_SCOPE = Diagnostic(28902, "The requested scope is not available.")
WRONG_CREDENTIALS = Diagnostic(28903, "The user name or password is wrong.")
LOCKED = Diagnostic(28904, "Too many failed attempts; try again later.")
WRONG_KEY = Diagnostic(28906, "There is no such meeting, or the conference key is wrong.")
FULL = Diagnostic(28907, "The meeting has too many guests; try again later.")
SERVER_ERROR = Diagnostic(28905, "The service cannot do it now; try again later.")
