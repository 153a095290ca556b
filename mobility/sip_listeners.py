"""A listener for each `[[sip.listen]]` table, all of one SIP side."""

from mobility.config import Config
from mobility.events import EventLog
from mobility.operate.certificates import Certificates
from mobility.operate.listeners import Listener
from mobility.reactor import IReactor
from mobility.sip.service import DatagramListener, SipSide

SipListener = Listener | DatagramListener


def sip_listeners(
    config: Config, side: SipSide, certificates: Certificates, reactor: IReactor, log: EventLog
) -> list[SipListener]:
    """They listen when they start.  Raises OperatorFault for an endpoint that cannot be used."""
    listeners: list[SipListener] = []
    for number, settings in enumerate(config.sip.listeners):
        where, dotted = str(config.source), f"sip.listen[{number}]"
        if settings.transport == "udp":
            datagrams = side.datagrams(settings)
            listeners.append(DatagramListener(settings, where, dotted, datagrams, reactor, log))
        else:
            server = side.server(settings)
            tls = certificates.sip_listeners.get(settings.name)
            listeners.append(Listener(settings, where, dotted, server, tls, reactor, log))
    return listeners
