"""What a command does with the reactor, which runs for it alone."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
from twisted.internet.task import react

T = TypeVar("T")


def in_reactor(doing: Callable[[Any], Awaitable[T]]) -> T:
    """Start the reactor, do something with it, and stop it; once in a process.

    Gives and raises what that gives and raises; Abort where a signal came first.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    async def run(reactor: Any) -> None:
        try:
            results.append(await doing(reactor))
        except BaseException as error:
            failures.append(error)

    try:
        react(run)
    except SystemExit:  # react always ends this way
        if failures:
            raise failures[0] from None
        if not results:
            raise click.Abort from None
    return results[0]
