"""The configuration examples of the documentation, made to fit a test."""

from collections.abc import Mapping
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def example(name: str, places: Mapping[str, str]) -> str:
    """An example with its names, addresses and files replaced, each of which must be in it."""
    text = (EXAMPLES / name).read_text()
    for written, meant in places.items():
        if written not in text:
            raise ValueError(f"{name} does not say {written!r}")
        text = text.replace(written, meant)
    return text
