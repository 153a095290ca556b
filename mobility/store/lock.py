"""One process at a time uses a database file, and the next knows that there was one.

The lock is on a file `<name>.lock` beside the database, which stays there.  It holds the schema
that the database had last, so that an empty database file, or none, is not taken for a new one.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType

from mobility.errors import OperatorFault


class ExclusiveLock:
    """Holds the lock until `release`, the end of a `with` block, or the end of the process.

    A forked child shares it with its parent.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "ExclusiveLock":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def lock_of(path: Path) -> Path:
    """The file that is locked for the database at `path`."""
    return path.with_name(f"{path.name}.lock")


def remembered(path: Path) -> str:
    """The schema that the database at `path` had last, "" when there was none.  Raises OSError."""
    try:
        return lock_of(path).read_text("ascii", "replace").strip()
    except FileNotFoundError:
        return ""


def remember(path: Path, schema: str) -> None:
    """Keep for the next process that the database at `path` has this schema.  Raises OSError."""
    if remembered(path) != schema:
        how = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
        with os.fdopen(os.open(lock_of(path), how, 0o600), "w", encoding="ascii") as file:
            file.write(f"{schema}\n")


def exclusive_lock(path: Path) -> ExclusiveLock:
    """Lock the database at `path`.

    Raises OperatorFault at once when another process holds the lock, or the file cannot be made.
    """
    lock = lock_of(path)
    try:
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OperatorFault(str(lock), f"the lock cannot be made ({error.strerror})") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise OperatorFault(str(path), "the database is in use by another process") from error
    except OSError as error:
        os.close(descriptor)
        raise OperatorFault(str(lock), f"the lock cannot be taken ({error.strerror})") from error
    return ExclusiveLock(descriptor)
