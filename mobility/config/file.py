"""The whole file as frozen records.

`load` reads and checks a file; every error names the file, the dotted key and the rule.
"""

from pathlib import Path

import attrs

from mobility.config.devices import DevicesConfig
from mobility.config.forwarding import ForwardingConfig, read_forwarding
from mobility.config.history import HistoryConfig
from mobility.config.mcx import McxConfig, read_mcx
from mobility.config.media import MediaConfig, read_media
from mobility.config.meetings import MeetingsConfig, read_meetings
from mobility.config.push import PushConfig, read_push
from mobility.config.services import (
    AuthConfig,
    AutodiscoverConfig,
    LogConfig,
    StoreConfig,
    UcwaConfig,
    read_auth,
    read_autodiscover,
    read_log,
    read_ucwa,
)
from mobility.config.sip import SipConfig, read_sip
from mobility.config.topology import (
    TopologyConfig,
    check_bindings,
    check_director,
    check_homes,
    check_push,
    read_topology,
)
from mobility.config.web import ListenerConfig, WebConfig, read_listeners, read_web
from mobility.directory.settings import DirectoryConfig, read_directory
from mobility.domain.addresses import is_domain
from mobility.errors import OperatorFault
from mobility.toml_table import Table, read_toml
from mobility.urls import ascii_host, is_host

MAX_DRAIN_S = 60.0


DATABASE = "mobility.sqlite"
"""The name of the embedded database in the data directory, unless `store.path` says another."""


@attrs.frozen(slots=True)
class Config:
    """The whole file.  Relative paths are taken from the file's own directory."""

    source: Path
    data_dir: Path
    sip_domains: tuple[str, ...]
    server_fqdn: str
    listeners: tuple[ListenerConfig, ...]
    web: WebConfig
    store: StoreConfig
    auth: AuthConfig = attrs.Factory(AuthConfig)
    ucwa: UcwaConfig = attrs.Factory(UcwaConfig)
    meetings: MeetingsConfig = attrs.Factory(MeetingsConfig)
    forwarding: ForwardingConfig = attrs.Factory(ForwardingConfig)
    media: MediaConfig = attrs.Factory(MediaConfig)
    mcx: McxConfig = attrs.Factory(McxConfig)
    history: HistoryConfig = attrs.Factory(HistoryConfig)
    devices: DevicesConfig = attrs.Factory(DevicesConfig)
    push: PushConfig = attrs.Factory(PushConfig)
    autodiscover: AutodiscoverConfig = attrs.Factory(AutodiscoverConfig)
    directory: DirectoryConfig = attrs.Factory(DirectoryConfig)
    sip: SipConfig = attrs.Factory(SipConfig)
    topology: TopologyConfig = attrs.Factory(TopologyConfig)
    log: LogConfig = attrs.Factory(LogConfig)
    drain_timeout_s: float = 8.0
    """How long a stop waits for requests; with closing the store it stays within ten seconds."""

    @property
    def operator(self) -> tuple[int, ListenerConfig]:
        """The operator listener and its place among the listeners."""
        for number, listener in enumerate(self.listeners):
            if listener.site.name == "operator":
                return number, listener
        raise OperatorFault(str(self.source), 'needs one with site = "operator"', "listen")


def load(path: Path) -> Config:
    """Read and check the configuration file.  Raises `OperatorFault`."""
    file = path.absolute()
    top = Table(file, read_toml(file))
    data_dir = top.read("data_dir", Path)
    sip_domains = _sip_domains(top)
    server_fqdn = _host_name(top, "server_fqdn")
    drain_timeout_s = top.read("drain_timeout_s", float, 8.0)
    if not 0 <= drain_timeout_s <= MAX_DRAIN_S:
        raise top.fault("drain_timeout_s", f"must be from 0 to {MAX_DRAIN_S:g}")
    web = read_web(top.table("web"))
    listeners = read_listeners(top, web)
    store = top.table("store")
    config = Config(
        source=file,
        data_dir=data_dir,
        sip_domains=sip_domains,
        server_fqdn=server_fqdn,
        listeners=listeners,
        web=web,
        store=store.record(StoreConfig, path=store.read("path", Path, data_dir / DATABASE)),
        auth=read_auth(top.table("auth")),
        ucwa=read_ucwa(top.table("ucwa")),
        meetings=read_meetings(top.table("meetings")),
        forwarding=read_forwarding(top.table("forwarding")),
        media=read_media(top.table("media")),
        mcx=read_mcx(top.table("mcx"), web),
        history=top.table("history").record(HistoryConfig),
        devices=top.table("devices").record(DevicesConfig),
        push=read_push(top.table("push")),
        autodiscover=read_autodiscover(top.table("autodiscover"), web),
        directory=read_directory(top.table("directory"), sip_domains),
        sip=read_sip(top.table("sip")),
        topology=read_topology(top.table("topology"), server_fqdn),
        log=read_log(top.table("log")),
        drain_timeout_s=drain_timeout_s,
    )
    top.finish()
    check_bindings(str(file), config.topology, listeners, config.sip)
    check_director(str(file), config.topology, config.sip)
    check_push(str(file), config.topology, config.push)
    check_homes(str(file), config.topology, web)
    return config


def _sip_domains(top: Table) -> tuple[str, ...]:
    domains: tuple[str, ...] = top.read("sip_domains", tuple[str, ...])
    if not domains:
        raise top.fault("sip_domains", "must name one domain at least")
    for domain in domains:
        if not is_domain(domain) or domain != domain.lower():
            raise top.fault("sip_domains", f"{domain!r} must be a domain name in lower case")
    if len(set(domains)) != len(domains):
        raise top.fault("sip_domains", "must name each domain once")
    return domains


def _host_name(table: Table, name: str) -> str:
    value: str = table.read(name, str)
    if not is_domain(value) or not is_host(value):
        raise table.fault(name, "must be a host name")
    return ascii_host(value)
