"""File descriptors: each connection takes one, so the process takes all it may have."""

import os
import resource

from mobility.events import Catalogue, EventLog

EVENTS: Catalogue = {
    "descriptors.limit": {
        "soft": "the limit this process now has, which is the hard limit (RLIMIT_NOFILE)",
        "was": "the soft limit it was started with",
    },
    "descriptors.unchanged": {
        "soft": "the limit this process still has (RLIMIT_NOFILE)",
        "hard": "the limit it could not be raised to",
        "reason": "why",
    },
}


def raise_limit(log: EventLog) -> None:
    """Raise the soft limit on open files to the hard one, and log what it is now."""
    was, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:
        log.emit("descriptors.unchanged", soft=was, hard=hard, reason=str(error))
    else:
        log.emit("descriptors.limit", soft=hard, was=was)


def limit() -> int:
    """How many descriptors this process may have now."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def in_use() -> int:
    """How many descriptors this process has now."""
    return len(os.listdir("/dev/fd")) - 1  # one of them reads the directory
