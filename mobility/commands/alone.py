"""Operator calls while no front end runs: one is put together in this process, without listeners.

It holds the store's exclusive lock, so none can start meanwhile.  What it logs goes to
`commands.log` in the data directory.
"""

import glob
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TypeVar

import attrs
import msgspec
from twisted.internet.defer import Deferred

from mobility.administration import administration_routes, make_data_dir
from mobility.commands.calls import Answer, Call, Conversation
from mobility.commands.in_reactor import in_reactor
from mobility.commands.ownership import hand_over
from mobility.config import Config
from mobility.events import EventLog
from mobility.front_end import FrontEnd
from mobility.http.crossdomain import CrossDomain
from mobility.http.message import Media, Request, Response, Site
from mobility.http.negotiation import JSON
from mobility.http.service import RequestService
from mobility.operate.access import OperatorAccess
from mobility.operate.keys import OPERATOR_KEY, PSEUDONYM_KEY, pseudonyms, read_or_make_key
from mobility.operate.log import LogFile
from mobility.reactor import IReactor
from mobility.store.lock import exclusive_lock

T = TypeVar("T")

LOG = "commands.log"
SITE = Site("operator", secure=True)


class Alone:
    """The operator API on a front end that nobody else can reach, and that wakes no device."""

    def __init__(self, config: Config, reactor: IReactor, log: EventLog) -> None:
        key = read_or_make_key(config.data_dir / OPERATOR_KEY)
        pseudonym = pseudonyms(read_or_make_key(config.data_dir / PSEUDONYM_KEY))
        self._headers = {"authorization": f"Bearer {key}"}
        self._number = count(1)
        silent = attrs.evolve(config, push=attrs.evolve(config.push, clearing_house=""))
        self._front_end = FrontEnd(
            silent, reactor=reactor, log=log, pseudonym=pseudonym, dispatch=self._dispatch
        )
        self._service = RequestService(
            SITE,
            administration_routes(self._front_end, config, OperatorAccess(key), log, pseudonym),
            authenticate=self._front_end.authenticator.authenticate,
            cross_domain=CrossDomain((), (), config.server_fqdn),
            log=log,
        )

    def _dispatch(self, request: Request) -> Deferred[Response]:
        return self._service.dispatch(request)

    async def hold(self, conversation: Conversation[T]) -> T:
        """Start the front end, hold the conversation, and stop it again."""
        self._front_end.startService()
        try:
            call = next(conversation)
            while True:
                call = conversation.send(await self._ask(call))
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            await self._front_end.stopService()

    async def _ask(self, call: Call) -> Answer:
        path, _, query = call.path.partition("?")
        request = Request(
            id=f"command-{next(self._number)}",
            site=SITE,
            method=call.method,
            path=path,
            query={},
            raw_query=query,
            headers=self._headers,
            body=call.payload,
            client_address="",
            now=time.time(),
            media=Media(JSON),
        )
        response = await self._dispatch(request)
        if response.body is None:
            return Answer(response.status, response.document)
        return Answer(response.status, msgspec.json.decode(response.body))


def hold_alone(config: Config, conversation: Conversation[T]) -> T:
    """Hold a conversation on the store itself, under its lock; once in a process.

    Raises OperatorFault, and what the conversation raises.
    """
    make_data_dir(config)

    async def run(reactor: IReactor) -> T:
        log = LogFile(str(config.data_dir / LOG), str(config.source)).log
        return await Alone(config, reactor, log).hold(conversation)

    with exclusive_lock(config.store.path):
        try:
            return in_reactor(run)
        finally:
            hand_over(_files(config))


def _files(config: Config) -> Iterator[Path]:
    """What a command may have made: its log, keys, the database and all beside it."""
    yield from (config.data_dir / name for name in (LOG, OPERATOR_KEY, PSEUDONYM_KEY))
    yield from config.store.path.parent.glob(f"{glob.escape(config.store.path.name)}*")
