"""One request and its answer, as they were on the wire."""

from collections.abc import Mapping

import attrs

from tests.conformance.shown import Form


@attrs.frozen
class Exchange:
    """`rel` is that of the link that was followed; `headers` are lower-case and of the answer."""

    form: Form
    method: str
    rel: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The type of the body without parameters, "" without a body's type."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300
