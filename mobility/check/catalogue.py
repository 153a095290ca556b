"""Every rule of every part, by its id."""

from mobility.check import certificates, dns, host, ports, proxy_rules, push, topology
from mobility.check.findings import Rule

RULES: dict[str, Rule] = {
    rule.id: rule
    for part in (topology, dns, certificates, ports, proxy_rules, push, host)
    for rule in part.RULES
}
