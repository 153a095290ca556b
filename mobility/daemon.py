"""What every program under twistd does alike: refusing to start, where to log, its memory."""

import gc
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.python.usage import Options

from mobility.errors import OperatorFault
from mobility.operate.log import STDOUT

FLUSH_S = 1.0
"""How long a log line may wait for a slow reader that has room again."""

COLLECT_AFTER = (20_000, 20, 50)
"""Allocations, young and middle collections after which the next generation is collected (our
choice, by measurement; Python's 700, 10, 10 cost a tenth of a message)."""


class Refused(Exception, SystemExit):
    """Ends twistd with status 2.

    It is an Exception, so that twistd removes its pid file, and a SystemExit, so that Python
    prints no traceback.
    """

    def __init__(self, fault: OperatorFault) -> None:
        super().__init__(str(fault))
        self.code = 2


def refused(fault: OperatorFault) -> Refused:
    """Tell it on the real standard error: once twistd logs, `sys.stderr` leads into the log."""
    if sys.__stderr__ is not None:
        sys.__stderr__.write(f"mobility: {fault}\n")
    return Refused(fault)


def log_destination(options: Options, configured: str, source: Path) -> str:
    """What twistd's own --logfile says, or else the configuration at `source`."""
    twistd: Mapping[str, Any] = options.parent or {}
    destination: str = twistd.get("logfile") or configured
    if destination == "-":
        destination = STDOUT
    if destination == STDOUT and not twistd.get("nodaemon"):
        raise OperatorFault(
            str(source),
            'is "stdout", which a daemon has not: name a file, or run twistd -n',
            "log.destination",
        )
    return destination


def settle_memory() -> None:
    """Tell the garbage collector that what exists now stays, and to look at new objects rarely.

    Requests leave no cycles behind, so frequent looks only cost; what a look costs grows with the
    number of sessions.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
