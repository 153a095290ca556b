"""What UCWA needs of other rooms, wired in `mobility.tap`."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from mobility.domain.records import User
from mobility.http.message import Caller, Request, Response

Authenticate = Callable[[Request], Caller]
"""Finds who sent a request by its Authorization header, or raises the 401 with the challenge."""


class PhotoCookies(Protocol):
    """The `cwt_ucwa` cookie with which browsers load photos (protocol: Set-Cookie of
    `application`)."""

    def header(self, application_id: str, user: User) -> str:
        """The Set-Cookie value for an application's photos."""
        ...

    def admits(self, cookie_header: str, application_id: str, user: User) -> bool:
        """Whether a Cookie header was made by `header` for this application and user."""
        ...


class Dispatch(Protocol):
    """Runs a request of a batch as if it had come alone, without an access line."""

    def __call__(self, request: Request) -> Awaitable[Response]: ...
