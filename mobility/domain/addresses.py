"""SIP addresses of users, in the one spelling the domain compares (RFC 3261 §19.1.4)."""

from collections.abc import Collection

MAX_ADDRESS = 320
"""Characters of `user@domain`: 64 + 1 + 255 (RFC 5321 §4.5.3.1)."""

GUEST_DOMAIN = "anonymous.invalid"
"""Where people without an account have their URIs ([MS-SIPAE] 3.2.4.3): no domain of anybody's
(RFC 2606 section 2)."""

_USER_EXTRA = frozenset("-_.!~*'()&=+$,;?/#%")
"""Characters beside letters and digits that RFC 3261 §25.1 lets stand in a user part, and `#`."""


def user_uri(text: str) -> str | None:
    """`sip:user@domain` in lower case for `text` with or without `sip:`, or None if it is none.

    URI parameters and headers are not part of a user's address and are refused, as are sips: and
    tel: URIs.
    """
    address = text.strip().lower().removeprefix("sip:")
    if not address or len(address) > MAX_ADDRESS:
        return None
    user, at, domain = address.partition("@")
    if not at or not user or not is_domain(domain):
        return None
    if not all(c.isalnum() or c in _USER_EXTRA for c in user):
        return None
    return f"sip:{user}@{domain}"


def is_domain(text: str) -> bool:
    """Whether `text` is a host name (RFC 1123 §2.1), letters of any script allowed."""
    labels = text.split(".")
    return len(text) <= 255 and all(
        0 < len(label) <= 63
        and label[0] != "-"
        and label[-1] != "-"
        and all(c.isalnum() or c == "-" for c in label)
        for label in labels
    )


def is_guest(uri: str) -> bool:
    """Whether the URI is of somebody without an account."""
    return uri.endswith(f"@{GUEST_DOMAIN}")


def domain_of(uri: str) -> str:
    """The domain of a user URI."""
    return uri.rpartition("@")[2]


def address_of(uri: str) -> str:
    """`user@domain` of a user URI: how UCWA paths name people."""
    return uri[4:]


def is_local(uri: str, sip_domains: Collection[str]) -> bool:
    """Whether the user URI belongs to one of the SIP domains served here."""
    return domain_of(uri) in sip_domains
