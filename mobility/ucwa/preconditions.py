"""What a client says it knows already: If-Match, If-None-Match and the GUID property of a PUT.

Tags are compared without regard to `W/` in both fields: this server gives strong ones out, and a
proxy that compresses an answer on its way makes its tag a weak one, of the same version.
"""

import re

import attrs

from mobility.errors import Parameter, Refusal, validation_failure
from mobility.http.body import Fields
from mobility.http.message import Request
from mobility.ucwa import documents

_TAG = re.compile(r'"([^"]*)"|(?:W/)?([^",\s]+)')


@attrs.frozen(slots=True)
class EntityTags:
    """The tags that a field names, without quotes, or `every` for `*` (RFC 9110 section 13.1).

    Tags without quotes count too: the UCWA reference's own samples have none.
    """

    tags: frozenset[str] = frozenset()
    every: bool = False

    def __contains__(self, tag: str) -> bool:
        return self.every or tag in self.tags


def entity_tags(value: str) -> EntityTags:
    """Read the value of If-Match or If-None-Match."""
    if value.strip() == "*":
        return EntityTags(every=True)
    return EntityTags(frozenset(quoted or bare for quoted, bare in _TAG.findall(value)))


def has_tag(request: Request, tag: str) -> bool:
    """Whether If-None-Match names the tag (RFC 9110 section 13.1.2)."""
    return tag in entity_tags(request.headers.get("if-none-match", ""))


def required_tags(request: Request) -> EntityTags:
    """The tags of If-Match; 428 PreconditionRequired without that field."""
    value = request.headers.get("if-match", "")
    if not value.strip():
        raise Refusal("PreconditionRequired", None, "A PUT needs If-Match with the etag.")
    return entity_tags(value)


def require_put_token(body: Fields, token: str) -> None:
    """Refuse a PUT that does not bring back the GUID property (UCWA "PUT")."""
    if body.text(token, max_length=100) != documents.PUT_TOKEN_VALUE:
        raise validation_failure(Parameter(token, "must be passed back in a PUT request"))
