"""docs/configuration.md against the program: keys, defaults and ranges."""

from pathlib import Path
from typing import Any, cast

import attrs
from twisted.trial.unittest import SynchronousTestCase

from mobility.config import (
    MAX_DRAIN_S,
    AuthConfig,
    AutodiscoverConfig,
    Config,
    ListenerConfig,
    LogConfig,
    StoreConfig,
    UcwaConfig,
    WebConfig,
)
from mobility.config.devices import DevicesConfig
from mobility.config.forwarding import ForwardingConfig
from mobility.config.history import HistoryConfig
from mobility.config.mcx import McxConfig
from mobility.config.media import MediaConfig, MediaRelayConfig
from mobility.config.meetings import DialInRegion, MeetingsConfig
from mobility.config.mixer import MixerConfig
from mobility.config.push import PushConfig
from mobility.config.sip import (
    SipAccountConfig,
    SipConfig,
    SipListenerConfig,
    SipRouteConfig,
    SipTargetConfig,
)
from mobility.config.topology import (
    BranchConfig,
    EdgeConfig,
    PoolConfig,
    ProviderConfig,
    TopologyConfig,
)
from mobility.directory.settings import LdapConfig

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"

RECORDS: dict[str, type] = {
    "web": WebConfig,
    "auth": AuthConfig,
    "ucwa": UcwaConfig,
    "meetings": MeetingsConfig,
    "forwarding": ForwardingConfig,
    "media": MediaConfig,
    "media.relay": MediaRelayConfig,
    "mcx": McxConfig,
    "history": HistoryConfig,
    "devices": DevicesConfig,
    "push": PushConfig,
    "meetings.dial_in": DialInRegion,
    "meetings.mixer": MixerConfig,
    "autodiscover": AutodiscoverConfig,
    "store": StoreConfig,
    "log": LogConfig,
    "directory.ldap": LdapConfig,
    "topology": TopologyConfig,
    "topology.edge": EdgeConfig,
    "topology.pools": PoolConfig,
    "topology.branches": BranchConfig,
    "topology.providers": ProviderConfig,
    "sip": SipConfig,
    "sip.account": SipAccountConfig,
    "sip.listen": SipListenerConfig,
    "sip.route": SipRouteConfig,
    "sip.route.target": SipTargetConfig,
}
"""The tables of the file and the record that each becomes."""

TOP_LEVEL = {field.name for field in attrs.fields(Config)} - {
    "source",
    "listeners",
    *(table.partition(".")[0] for table in RECORDS),
}
LISTENER = {field.name for field in attrs.fields(ListenerConfig)} | {"secure"}
"""Keys that records hold; `secure` becomes a part of `site`."""


def rows() -> list[tuple[str, str, str]]:
    """Key, default and range of each line of the page's tables."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.split("|")] for line in lines if line[:3] == "| `"]
    return [(row[1].strip("`"), row[2], row[3]) for row in cells]


def shown(number: float) -> str:
    """A number as the page writes it: without a fraction of nothing."""
    return str(int(number)) if number == int(number) else str(number)


def fields() -> dict[str, "attrs.Attribute[Any]"]:
    """Every field of a record, by its dotted key."""
    return {
        f"{table}.{field.name}": field
        for table, record in RECORDS.items()
        for field in attrs.fields(cast(Any, record))
        if field.name not in ("accounts", "listeners", "mixer", "relays", "routes", "targets")
    }


class ConfigurationPageTests(SynchronousTestCase):
    """The tables of keys."""

    def test_keys(self) -> None:
        """Every key has one line, and every line is of a key."""
        keys = [key for key, _, _ in rows()]
        self.assertEqual(sorted(keys), sorted({*TOP_LEVEL, *LISTENER, *fields()}))

    def test_defaults(self) -> None:
        """A default is the one that the record has; a key without one is required."""
        for key, default, _ in rows():
            field = fields().get(key)
            if field is None or key == "store.path":
                continue
            with self.subTest(key=key):
                self.assertEqual(default, self._default(field))

    def test_ranges(self) -> None:
        """A range is the one that the program checks, and so is a choice of words."""
        for key, _, said in rows():
            field = fields().get(key)
            metadata = {} if field is None else field.metadata
            with self.subTest(key=key):
                if "range" in metadata:
                    least, most = metadata["range"]
                    self.assertEqual(said, f"{shown(least)} to {shown(most)}")
                if "choices" in metadata:
                    self.assertEqual(said, ", ".join(metadata["choices"]))

    def test_drain_timeout(self) -> None:
        """The one number of the top level has its default and range, too."""
        default = attrs.fields_dict(Config)["drain_timeout_s"].default
        self.assertIn(("drain_timeout_s", shown(default), f"0 to {shown(MAX_DRAIN_S)}"), rows())

    @staticmethod
    def _default(field: "attrs.Attribute[Any]") -> str:
        value = field.default
        if value is attrs.NOTHING:
            return "required"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int | float):
            return shown(value)
        if isinstance(value, tuple) and value:
            return ", ".join(value)
        return value if isinstance(value, str) and value else "none"
