"""A configuration as tests of planning and checking start with: right in every respect."""

from pathlib import Path

from mobility.config import Config, load

RIGHT = """\
data_dir = "data"
sip_domains = ["example.com", "second.example"]
server_fqdn = "fe1.example.com"

[web]
internal_url = "https://pool.example.com"
external_url = "https://web.example.com"
trusted_proxies = ["10.0.0.5"]
cross_domain_origins = ["https://chat.example.com"]

[[listen]]
name = "internal"
endpoint = "tcp:443:interface=10.0.0.10"
site = "internal"
tls = true
certificate = "tls/server.pem"
key = "tls/server.key"

[[listen]]
name = "internal-http"
endpoint = "tcp:80:interface=10.0.0.10"
site = "internal"
tls = false

[[listen]]
name = "external"
endpoint = "tcp:4443:interface=10.0.0.10"
site = "external"
tls = true
certificate = "tls/server.pem"
key = "tls/server.key"

[[listen]]
name = "external-http"
endpoint = "tcp:8080:interface=10.0.0.10"
site = "external"
tls = false

[[listen]]
name = "operator"
endpoint = "tcp:9443:interface=127.0.0.1"
site = "operator"
tls = true
certificate = "tls/server.pem"
key = "tls/server.key"

[topology]
edition = "enterprise"
pool = "pool.example.com"
site = "Redmond"

[topology.edge]
name = "sip.example.com"

[[topology.branches]]
name = "sba.example.com"

[[topology.pools]]
name = "pool2.example.com"
root = "https://web2.example.com/Autodiscover/AutodiscoverService.svc/root"

[sip]

[[sip.listen]]
name = "sip-external"
endpoint = "tcp:5088:interface=10.0.0.10"
transport = "tls"
mutual_tls = "request"
certificate = "tls/server.pem"
key = "tls/server.key"
client_ca = "tls/ca.pem"

[[sip.listen]]
name = "sip-primary"
endpoint = "tcp:5089:interface=10.0.0.10"
transport = "tls"
mutual_tls = "request"
certificate = "tls/server.pem"
key = "tls/server.key"
client_ca = "tls/ca.pem"
"""


def write(directory: Path, *changes: tuple[str, str]) -> Path:
    """Write `RIGHT` with passages replaced, each of which must be there; the file."""
    text = RIGHT
    for before, after in changes:
        if before not in text:
            raise ValueError(before)
        text = text.replace(before, after)
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "mobility.toml"
    file.write_text(text, encoding="utf-8")
    return file


def config(directory: Path, *changes: tuple[str, str]) -> Config:
    """The configuration that `write` writes, as the program reads it."""
    return load(write(directory, *changes))
