"""The port to what fits a telephone's descriptions into calls that have more than its audio."""

from typing import Protocol

from mobility.domain.descriptions import Description


class Fitting(Protocol):
    """Knows the text of descriptions, as adapters do (SDP)."""

    def in_place(self, layout: str, own: Description, said: str) -> Description:
        """`own` with the streams of `layout`: its audio in place of the audio there, every other
        stream ended.  `said` is what its side has described before."""
        ...

    def silent(self, description: Description) -> Description:
        """A description with nothing that flows."""
        ...

    def audio_alone(self, description: str) -> str:
        """A description with its audio and nothing else."""
        ...
