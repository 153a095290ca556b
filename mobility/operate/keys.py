"""Secrets of this front end, kept in files of the data directory, and pseudonyms made with one."""

import hashlib
import os
import secrets
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from mobility.errors import OperatorFault

KEY_BYTES = 32
PSEUDONYMS = 10_000
"""How many are remembered (our choice: some 3 MB): each access line names one."""

PSEUDONYM_BYTES = 6
"""12 hex digits: two of 100,000 users share one with a chance of 1 in 56,000."""

OPERATOR_KEY = "operator.key"
"""The bearer secret of the operator API."""

PSEUDONYM_KEY = "pseudonym.key"
"""What joins log lines of one user, across restarts, without naming the user."""


def read_key(file: Path) -> str:
    """The secret in a key file.

    Raises OperatorFault when there is none, or when others than its owner may read or write it.
    """
    try:
        with open(file, encoding="ascii") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            key = stream.read(1024).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not ASCII"
        raise OperatorFault(str(file), f"the key cannot be read: {reason}") from error
    if mode & 0o077:
        raise OperatorFault(
            str(file), f"has mode {mode & 0o777:04o}, must be its owner's alone: chmod 600"
        )
    if len(key) < KEY_BYTES:
        raise OperatorFault(
            str(file), f"must hold {KEY_BYTES} characters or more; remove it to have it made anew"
        )
    return key


def read_or_make_key(file: Path) -> str:
    """As `read_key`; a file that is not there is made with a new random secret of 256 bits."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_key(file)
    except OSError as error:
        raise OperatorFault(str(file), f"the key cannot be written: {error.strerror}") from error
    with open(descriptor, "w", encoding="ascii") as stream:
        stream.write(secrets.token_urlsafe(KEY_BYTES) + "\n")
    return read_key(file)


def pseudonyms(key: str) -> Callable[[str], str]:
    """A function from a user's URI to its pseudonym: 12 hex digits of a hash under `key`."""
    secret = hashlib.sha256(key.encode()).digest()

    @lru_cache(PSEUDONYMS)
    def pseudonym(uri: str) -> str:
        text = uri.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=secret, digest_size=PSEUDONYM_BYTES).hexdigest()

    return pseudonym
