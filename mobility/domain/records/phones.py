"""Phones that are signed in over SIP."""

from typing import ClassVar

import attrs


@attrs.frozen(slots=True)
class Binding:
    """Where one phone of a user can be reached until `expires_at` (RFC 3261 section 10).

    `contact` is its URI and `path` a comma list of the proxies before it (RFC 3327).  `instance`
    and `reg_id` say which phone and which of its flows it is (RFC 5626), "" and 0 where it does
    not tell.  `call_id` and `cseq` are those of the request that made it what it is.  `handle`
    stands for the phone in its temporary GRUUs (RFC 5627) for as long as it registers with the same
    Call-ID, "" where it has none.
    """

    KEY: ClassVar = ("user_uri", "id")
    user_uri: str
    id: str
    contact: str = attrs.field(repr=False)
    call_id: str
    cseq: int
    registered_at: float
    expires_at: float
    instance: str = ""
    reg_id: int = 0
    path: str = attrs.field(repr=False, default="")
    user_agent: str = ""
    handle: str = attrs.field(repr=False, default="")
