"""What a subscriber to a list of resources has been told of them, and what is still untold."""

from collections.abc import Callable, Sequence

import attrs

from mobility.sip.resource_lists import RLMI_TYPE, Part, Resource, related, rlmi

MAX_PARTS_BYTES = 40_000
"""Of the parts of one list notification; what is left goes into the next (our choice: a message of
64 KiB is what SIP elements take, and the list itself has some 100 bytes a resource)."""

Member = Callable[[str, str], tuple[Resource, Part | None]]
"""A resource of a list and the part that has its state; it is given the URI and the part's name."""


@attrs.define(slots=True, eq=False)
class ListState:
    """The state of one list subscription (RFC 4662).

    `untold` are the resources of which there is something new.  The next notification is `full`
    after each SUBSCRIBE: it names all resources, those whose state did not fit as pending.
    """

    uri: str
    uris: Sequence[str]
    full: bool = True
    untold: dict[str, None] = attrs.Factory(dict)

    def begin(self) -> None:
        """A SUBSCRIBE came: everything is to be told."""
        self.full = True
        self.untold = dict.fromkeys(self.uris)

    def told(self, version: int, tag: str, member: Member) -> tuple[str, bytes]:
        """Content-Type and body of the next notification; `tag` is unique."""
        full, untold = self.full, self.untold
        self.full, self.untold = False, {}
        parts: list[Part] = []
        resources: list[Resource] = []
        size = 0
        for uri in self.uris if full else untold:
            if size < MAX_PARTS_BYTES:
                resource, part = member(uri, f"{len(parts)}.{tag}@list")
                if part is not None:
                    parts.append(part)
                    size += len(part[2])
                resources.append(resource)
            else:
                self.untold[uri] = None
                if full:
                    resources.append(Resource(uri, state="pending"))
        root = rlmi(self.uri, version, resources, full=full)
        return related(f"list{tag}", (f"{tag}@list", f"{RLMI_TYPE};charset=UTF-8", root), parts)
