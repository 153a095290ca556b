"""Files with secrets in them: for their owner alone from the first moment on."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def new_private_file(file: Path) -> Iterator[TextIO]:
    """A new file to write into.  Raises FileExistsError or another OSError."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8", newline="") as stream:
        yield stream


def replace_private_file(file: Path, text: str) -> None:
    """Write a whole file over another one, or leave that as it is.

    Raises OSError, for what is there and no plain file too: a device such as /dev/null would be
    gone for the whole machine, and who made a link does not want it replaced.
    """
    if os.path.lexists(file) and not stat.S_ISREG(file.lstat().st_mode):
        raise OSError(errno.EINVAL, "it is no plain file", str(file))
    beside = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        with new_private_file(beside) as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
