"""What a signal to reload says of the configuration file, which is read at a start alone."""

import attrs

from mobility.config import Config, load
from mobility.errors import OperatorFault
from mobility.events import Catalogue, EventLog

EVENTS: Catalogue = {
    "configuration.differs": {
        "keys": "keys and tables of the configuration file that differ from what runs: they count "
        "from the next start",
    },
    "configuration.unusable": {
        "reason": "why the next start would be refused: file, key and rule; what runs goes on",
    },
}


class RunningConfiguration:
    """The configuration with which the front end runs."""

    def __init__(self, config: Config, log: EventLog) -> None:
        self._config = config
        self._log = log

    def look(self) -> None:
        """Read the file as a start would, and log what is new in it or wrong with it."""
        try:
            found = load(self._config.source)
        except OperatorFault as fault:
            self._log.emit("configuration.unusable", reason=str(fault))
            return
        names = [field.name for field in attrs.fields(Config)]
        keys = [name for name in names if getattr(found, name) != getattr(self._config, name)]
        if keys:
            self._log.emit(
                "configuration.differs", keys=sorted(_KEYS.get(key, key) for key in keys)
            )


_KEYS = {"listeners": "listen"}
"""Fields of Config whose tables are called otherwise."""
