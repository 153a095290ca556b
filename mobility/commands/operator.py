"""How commands reach users: through the operator API of a front end, running or not.

A running front end is asked on its operator listener; its database is never touched behind its
back.  When none runs, the store is opened under its exclusive lock and the same routes are called
in this process.
"""

import ssl
from collections.abc import Callable
from http.client import HTTPException, HTTPSConnection
from typing import Any, TypeVar

import msgspec

from mobility.commands.calls import Answer, Call, Conversation, content_of
from mobility.commands.options import Problem
from mobility.config import Config, operator_address
from mobility.errors import OperatorFault
from mobility.operate.keys import OPERATOR_KEY, read_key

T = TypeVar("T")

TIMEOUT_S = 60.0
"""The longest wait for one answer: passwords are hashed one after another."""


def hold(config: Config, conversation: Conversation[T]) -> T:
    """Hold a conversation with the front end that runs, or alone when none does."""
    running = reach(config)
    if running is None:
        from mobility.commands.alone import hold_alone  # its imports take longer than a request

        return hold_alone(config, conversation)
    with running:
        return held(running.ask, conversation)


def held(answer: Callable[[Call], Answer], conversation: Conversation[T]) -> T:
    """Hold a conversation with who answers, to its end."""
    try:
        call = next(conversation)
        while True:
            call = conversation.send(answer(call))
    except StopIteration as end:
        result: T = end.value
        return result


def ask(config: Config, call: Call) -> Any:
    """The content of the answer to one call."""

    def conversation() -> Conversation[Any]:
        return content_of((yield call))

    return hold(config, conversation())


class Running:
    """A connection to the operator listener of a running front end."""

    def __init__(self, connection: HTTPSConnection, key: str) -> None:
        self._connection = connection
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_reason: object) -> None:
        self._connection.close()

    def ask(self, call: Call) -> Answer:
        """One request.  Raises Problem when no answer comes."""
        try:
            self._connection.request(call.method, call.path, call.payload, self._headers)
            response = self._connection.getresponse()
            data = response.read()
        except (OSError, HTTPException) as error:
            raise Problem(f"the front end does not answer: {error}") from error
        if response.status == 401:
            raise OperatorFault(OPERATOR_KEY, "is not the secret of the running front end")
        return Answer(response.status, msgspec.json.decode(data) if data else None)


def reach(config: Config) -> Running | None:
    """A connection to the front end that runs with this configuration, or None when none does.

    Its certificate must be the one of the operator listener's file.  Raises OperatorFault or
    Problem.
    """
    number, listener = config.operator
    place = operator_address(listener.endpoint)
    where = (str(config.source), f"listen[{number}]")
    if place is None or place[1] == 0:
        raise OperatorFault(
            where[0],
            f"is {listener.endpoint!r}: commands find only a fixed port",
            f"{where[1]}.endpoint",
        )
    host, port = place
    connection = HTTPSConnection(host, port, timeout=TIMEOUT_S, context=_pinned(config))
    try:
        connection.connect()
    except ConnectionRefusedError:
        return None
    except ssl.SSLError as error:
        raise OperatorFault(
            str(listener.certificate),
            "is not the certificate of the front end that runs at "
            f"{host}:{port} (SIGHUP makes it read its certificates again): {error.reason}",
        ) from error
    except OSError as error:
        raise Problem(f"the front end at {host}:{port} does not answer: {error}") from error
    try:
        return Running(connection, read_key(config.data_dir / OPERATOR_KEY))
    except BaseException:
        connection.close()
        raise


def _pinned(config: Config) -> ssl.SSLContext:
    """Trust in exactly the certificate of the operator listener, whatever its names."""
    number, listener = config.operator
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        pem = listener.certificate.read_text("ascii") if listener.certificate else ""
        context.load_verify_locations(cadata=_first(pem))
    except (OSError, ValueError, ssl.SSLError) as error:
        raise OperatorFault(
            str(config.source),
            f"{listener.certificate} cannot be used: {error}",
            f"listen[{number}].certificate",
        ) from error
    return context


def _first(pem: str) -> str:
    """The first certificate of a PEM file, without the issuers that may follow it."""
    head, end, _ = pem.partition("-----END CERTIFICATE-----")
    return head + end
