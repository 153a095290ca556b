"""The names of a directory's entries, as this system compares and keeps them."""

from urllib.parse import quote, unquote

from mobility.domain.addresses import user_uri

SCHEME = "ldap:///"
"""What the URIs of entries begin with (RFC 4516, no server named)."""

MAX_URI = 3_072
"""Characters of such a URI (our choice: a name of a thousand, each of three bytes encoded)."""


def folded_dn(dn: str) -> str:
    """A distinguished name for comparison: servers write the same name in one way but for case and
    spaces after commas."""
    return ",".join(part.strip() for part in dn.casefold().split(","))


def uri_of_name(dn: str) -> str:
    """The URI of the entry of a distinguished name, in one spelling for all of the name's."""
    return SCHEME + quote(folded_dn(dn), safe=",=").lower()


def is_name_uri(uri: str) -> bool:
    """Whether a URI is one of `uri_of_name`, in its spelling."""
    if not uri.startswith(SCHEME) or "=" not in uri or len(uri) > MAX_URI:
        return False
    return uri_of_name(unquote(uri.removeprefix(SCHEME))) == uri


def group_uri(name: str) -> str | None:
    """The URI of a group by its address, its distinguished name, or itself; None for neither."""
    if name.lower().startswith(SCHEME):
        name = unquote(name[len(SCHEME) :])
    elif (uri := user_uri(name)) is not None:
        return uri
    uri = uri_of_name(name)
    return uri if is_name_uri(uri) else None
