"""Secrets in files of their own, which only their owner and its group can read."""

import os
from pathlib import Path

from mobility.errors import OperatorFault


def read_secret(file: Path, least_bytes: int, most_bytes: int) -> bytes:
    """The content of a file without the newline at its end.

    Raises OperatorFault for a file that cannot be read or is open to others, and for a secret that
    is shorter or longer than the bounds.
    """
    try:
        with open(file, "rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            secret = stream.read(most_bytes + 3).rstrip(b"\r\n")
    except OSError as error:
        raise OperatorFault(str(file), f"cannot be read: {error.strerror}") from error
    if mode & 0o007:
        raise OperatorFault(
            str(file), f"has mode {mode & 0o777:04o}, must not be open to others: chmod 640"
        )
    if not least_bytes <= len(secret) <= most_bytes:
        raise OperatorFault(str(file), f"must hold {least_bytes} to {most_bytes} bytes of secret")
    return secret
