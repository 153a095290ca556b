"""The doubles as a process: `python -m mobility.push_doubles DIR`.

It writes keys, certificates and `DIR/clearing-house.toml`, prints one line of JSON once it listens,
and then a line for each push that it takes.  A line of its standard input makes a provider fail or
well again (`mobility.push_doubles.commands`); it ends with its standard input.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from mobility.push_doubles.commands import Commands, obedient
from mobility.push_doubles.providers import APP, Providers

reactor: Any = _reactor


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m mobility.push_doubles")
    parser.add_argument("directory", type=Path, help="an empty directory")
    parser.add_argument("--organisation", action="append", default=[], help="may be repeated")
    parser.add_argument("--federation-port", type=int, default=17443)
    parser.add_argument("--operator-port", type=int, default=17444)
    parser.add_argument("--subscribers", type=int, default=1, help="of Web Push")
    parser.add_argument("--count-only", action="store_true", help="print how many, not which")
    options = parser.parse_args(arguments)
    Deferred.fromCoroutine(_run(options)).addErrback(_failed)
    reactor.run()


async def _run(options: argparse.Namespace) -> None:
    options.directory.mkdir(parents=True, exist_ok=True)
    providers = Providers(options.directory, reactor)
    await providers.start()
    config = providers.write_config(
        *(options.organisation or ["fe.example.test"]),
        federation_port=options.federation_port,
        operator_port=options.operator_port,
    )
    subscribers = [providers.web_push.subscribe() for _ in range(options.subscribers)]
    if options.count_only:
        _count(providers)
    else:
        _list(providers)
    StandardIO(_UntilTheEnd(obedient(Commands(providers), _say)))
    _say(
        {
            "config": str(config),
            "app": APP,
            "subscribers": [
                {"endpoint": one.endpoint, "p256dh": one.p256dh, "auth": one.auth}
                for one in subscribers
            ],
            "channel": providers.wns.channel(),
        }
    )


def _list(providers: Providers) -> None:
    def say(provider: str) -> Callable[[Any], None]:
        return lambda push: _say({"provider": provider, "id": push.id})

    providers.apns.on_push = say("apns")
    providers.fcm.on_push = say("fcm")
    providers.web_push.on_push = say("webpush")
    providers.wns.on_push = say("wns")
    for double in (providers.apns, providers.fcm, providers.web_push, providers.wns):
        double.keep = False


def _count(providers: Providers) -> None:
    """A line now and then: how many APNs has taken."""
    taken, said = [0], [0]
    providers.apns.keep = False

    def one_more(_push: object) -> None:
        taken[0] += 1

    def say() -> None:
        if taken[0] != said[0]:
            said[0] = taken[0]
            _say({"taken": taken[0]})
        reactor.callLater(0.05, say)

    providers.apns.on_push = one_more
    say()


class _UntilTheEnd(LineOnlyReceiver):
    """Standard input: its lines are commands, and its end is ours."""

    delimiter = b"\n"

    def __init__(self, obey: Callable[[bytes], None]) -> None:
        self._obey = obey

    def lineReceived(self, line: bytes) -> None:
        self._obey(line)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        if reactor.running:
            reactor.stop()


def _say(line: object) -> None:
    data = json.dumps(line).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def _failed(failure: Failure) -> None:
    sys.stderr.write(f"{failure.getErrorMessage()}\n")
    reactor.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
