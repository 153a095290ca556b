"""New offers that telephones were given and have not answered."""

import attrs

BACK = "back"
"""In place of the id of a new offer: what is agreed, which a telephone that has taken an offer
that is over is offered again."""


@attrs.define(slots=True)
class AskedOffers:
    """The ids of a telephone's: of the one that is under way, and of the newest, which waits."""

    ids: list[str] = attrs.Factory(list)

    def ask(self, renegotiation_id: str) -> None:
        """It is given another one, which takes the place of one that still waits."""
        self.ids[1:] = []
        self.ids.append(renegotiation_id)

    def answered(self) -> str:
        """Which one it answers now, "" for none."""
        return self.ids.pop(0) if self.ids else ""

    def __bool__(self) -> bool:
        return bool(self.ids)
