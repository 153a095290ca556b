"""How a front end stands: what `/metrics` and `mobility status` show of it."""

from collections.abc import Sequence

import attrs

from mobility.front_end import FrontEnd
from mobility.http.connections import Connections
from mobility.operate.listeners import Listener
from mobility.operate.metrics import Metrics
from mobility.operate.push import PushCollector
from mobility.sip.probing import Presence
from mobility.sip.service import SipSide
from mobility.sip_listeners import SipListener


@attrs.frozen
class Standing:
    """One front end in operation.  `started_at` is in seconds since the epoch."""

    front_end: FrontEnd
    connections: Connections
    sip: SipSide
    listeners: Sequence[Listener]
    sip_listeners: Sequence[SipListener]
    started_at: float

    def add_to(self, metrics: Metrics) -> None:
        """Register the gauges."""
        front_end, sip, gauge = self.front_end, self.sip, metrics.gauge
        gauge("mobility_users", "Users known.", lambda: len(front_end.users))
        gauge(
            "mobility_distribution_groups",
            "Distribution groups known.",
            lambda: len(front_end.distribution_groups),
        )
        gauge("mobility_tokens", "Tokens that can be used.", lambda: len(front_end.tokens))
        gauge("mobility_guests", "People without an account.", lambda: len(front_end.guests))
        gauge("mobility_applications", "Applications.", lambda: len(front_end.applications))
        gauge("mobility_parked", "Pending event requests.", lambda: front_end.channels.parked)
        telephones = front_end.telephones
        if telephones is not None:
            gauge("mobility_telephones", "Telephones in calls.", lambda: len(telephones))
        gauge("mobility_connections", "Open connections.", lambda: len(self.connections))
        gauge("mobility_sip_connections", "Open SIP connections.", lambda: len(sip.connections))
        gauge(
            "mobility_sip_transactions",
            "SIP transactions under way.",
            lambda: len(sip.core.transactions),
        )
        gauge(
            "mobility_sip_peers_up",
            "SIP servers and gateways that answer.",
            lambda: sip.probing.count(Presence.UP),
        )
        gauge(
            "mobility_sip_peers_down",
            "SIP servers and gateways that do not.",
            lambda: sip.probing.count(Presence.DOWN),
        )
        gauge(
            "mobility_sip_subscriptions",
            "Event subscriptions of SIP phones and servers.",
            lambda: len(sip.events.notifications),
        )
        gauge(
            "mobility_sip_publications",
            "What SIP phones and servers have published.",
            lambda: len(sip.events.publisher),
        )
        gauge(
            "mobility_sip_watched",
            "People and mailboxes of other systems that are subscribed to.",
            lambda: len(sip.events.watching),
        )
        mcx = front_end.mcx
        gauge("mobility_mcx_clients", "User agents that asked for /Mcx/.", lambda: len(mcx.clients))
        gauge("mobility_mcx_requests_under_way", "Passed on to a pool.", lambda: mcx.under_way)
        pool = mcx.pool
        if pool is not None:
            gauge(
                "mobility_mcx_pool_up",
                "1 if the legacy pool answers.",
                lambda: bool(pool.reachable),
            )
        metrics.store(front_end.store.stats)
        waking = front_end.waking
        metrics.registry.register(
            PushCollector(
                waking.hops,
                lambda: waking.outbox.waiting,
                lambda: waking.oldest_s() or 0.0,
                lambda: waking.outbox.unanswered,
                lambda: waking.unanswered_s() or 0.0,
                lambda: waking.reachable,
            )
        )
        mirrored = front_end.directory
        if mirrored is not None:
            gauge("mobility_directory_up", "1 if it answers.", lambda: mirrored.reachable)
            gauge(
                "mobility_directory_synced_timestamp_seconds",
                "When the directory was last read with success.",
                lambda: mirrored.replicator.synced_at,
            )

    def counts(self) -> dict[str, object]:
        """What `mobility status` shows."""
        mirrored = self.front_end.directory
        return {
            **({} if mirrored is None else {"directory": mirrored.standing()}),
            "mcx": self.front_end.mcx.standing(),
            "started_at": self.started_at,
            "users": len(self.front_end.users),
            "tokens": len(self.front_end.tokens),
            "applications": len(self.front_end.applications),
            "parked": self.front_end.channels.parked,
            "connections": len(self.connections),
            "sip_connections": len(self.sip.connections),
            "sip_peers": self.sip.probing.standing(),
            "listeners": {one.settings.name: one.address for one in self.listeners},
            "sip_listeners": {one.settings.name: one.address for one in self.sip_listeners},
        }
