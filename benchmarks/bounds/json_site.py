"""twisted.web alone: a JSON resource, and one that never answers.

    python -m benchmarks.bounds.json_site PORT CERTIFICATE KEY

`GET /hello` is answered with a small document, `GET /park` never.
"""

import json

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from benchmarks.bounds.listening import serve


class Hello(Resource):
    """A small document, made anew for each request."""

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", b"application/json")
        return json.dumps({"hello": "world"}).encode()


class Park(Resource):
    """Keeps every request."""

    def __init__(self) -> None:
        super().__init__()
        self._parked: set[Request] = set()

    def render_GET(self, request: Request) -> int:
        self._parked.add(request)
        request.notifyFinish().addErrback(lambda _: self._parked.discard(request))
        return NOT_DONE_YET


if __name__ == "__main__":
    root = Resource()
    root.putChild(b"hello", Hello())
    root.putChild(b"park", Park())
    serve(root)
