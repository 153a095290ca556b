"""The command line: which benchmarks run, for how long, and the table of what they found."""

import argparse
import os
import resource
import sys
import tempfile
from pathlib import Path

from benchmarks import calm, crowd, fanout, get, im, memory, push, reconnect, signin, sip, waking
from benchmarks.front_end import FrontEnd
from benchmarks.report import Effort, table, verdict
from benchmarks.server import GENERATOR_CORE, SERVER_CORE

BENCHMARKS = {
    "get": get,
    "im": im,
    "fanout": fanout,
    "crowd": crowd,
    "memory": memory,
    "signin": signin,
    "sip": sip,
    "push": push,
    "waking": waking,
    "calm": calm,
    "reconnect": reconnect,
}

TURNS = 5
QUICK_TURNS = 2


def main() -> int:
    """The exit status: 1 when a goal was missed."""
    options = _options()
    os.sched_setaffinity(0, {GENERATOR_CORE})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"servers on core {SERVER_CORE}, generator on core {GENERATOR_CORE}", flush=True)
    effort = Effort(options.seconds, QUICK_TURNS if options.quick else TURNS, options.quick)
    results = []
    for name in options.only or BENCHMARKS:
        print(f"{name} ...", flush=True)
        with tempfile.TemporaryDirectory(prefix=f"mobility-bench-{name}-") as directory:
            front_end = FrontEnd(Path(directory) / "front-end")
            results += BENCHMARKS[name].run(front_end, Path(directory), effort)
    print("", table(results), verdict(results), sep="\n")
    return 0 if all(result.reached for result in results) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="The cost of the front end, against the bare Twisted bound.",
    )
    parser.add_argument(
        "--only", action="append", choices=BENCHMARKS, help="one benchmark; may be repeated"
    )
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="how long a turn takes (default: 4)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="two turns in place of five, and fewer clients"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
