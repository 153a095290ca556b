"""The TOML file as frozen records, a module for each part of it.

The defaults here are the documented ones; docs/configuration.md lists every key.
"""

from mobility.config.file import (
    DATABASE,
    MAX_DRAIN_S,
    Config,
    load,
)
from mobility.config.forwarding import ForwardingConfig
from mobility.config.history import HistoryConfig
from mobility.config.meetings import DialInRegion, MeetingsConfig
from mobility.config.services import (
    DAY_S,
    AuthConfig,
    AutodiscoverConfig,
    LogConfig,
    StoreConfig,
    UcwaConfig,
)
from mobility.config.sip import SipConfig, SipListenerConfig
from mobility.config.web import (
    PUBLISHED_RULE,
    SITES,
    ListenerConfig,
    WebConfig,
    operator_address,
    published,
    tcp_address,
)

__all__ = [
    "DATABASE",
    "DAY_S",
    "MAX_DRAIN_S",
    "PUBLISHED_RULE",
    "SITES",
    "AuthConfig",
    "AutodiscoverConfig",
    "Config",
    "DialInRegion",
    "ForwardingConfig",
    "HistoryConfig",
    "ListenerConfig",
    "LogConfig",
    "MeetingsConfig",
    "SipConfig",
    "SipListenerConfig",
    "StoreConfig",
    "UcwaConfig",
    "WebConfig",
    "load",
    "operator_address",
    "published",
    "tcp_address",
]
