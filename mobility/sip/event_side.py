"""The event packages of the SIP side: what is subscribed to, and what is published."""

from collections.abc import Callable, Sequence

import attrs
from twisted.internet.interfaces import IReactorTime

from mobility.config import SipConfig
from mobility.domain.applications import Applications
from mobility.domain.contacts import Contacts
from mobility.domain.conversations import Conversations
from mobility.domain.elsewhere import Elsewhere
from mobility.domain.ledger import Committed
from mobility.domain.phone_presence import PhonePresence
from mobility.domain.presence import PresenceBook
from mobility.domain.privacy import Privacy
from mobility.domain.records import User
from mobility.domain.users import Users
from mobility.domain.voicemail import Voicemail
from mobility.events import EventLog
from mobility.sip.client import Client
from mobility.sip.core import Core
from mobility.sip.dialog_package import CallsOfUsers, DialogNews, DialogPackage
from mobility.sip.identity import Identity
from mobility.sip.notifications import Notifications
from mobility.sip.presence_package import PresenceNews, PresencePackage
from mobility.sip.publisher import DialogState, PresenceState, Publisher, SummaryState
from mobility.sip.reports import SummaryReport, Unsolicited
from mobility.sip.static_routes import StaticRoutes
from mobility.sip.summary_package import SummaryNews, SummaryPackage
from mobility.sip.watched import Mailboxes, WatchedElsewhere
from mobility.sip.watching import Watching
from mobility.sip.winfo_package import Watchers, WinfoPackage


@attrs.frozen(slots=True)
class EventServices:
    """What of the domain the event packages are made of."""

    users: Users
    presence: PresenceBook
    privacy: Privacy
    applications: Applications
    conversations: Conversations
    contacts: Contacts
    phones: PhonePresence
    voicemail: Voicemail
    elsewhere: Elsewhere


class EventSide:
    """Everything that serves SUBSCRIBE and PUBLISH."""

    def __init__(
        self,
        core: Core,
        client: Client,
        identity: Identity,
        services: EventServices,
        routes: StaticRoutes,
        settings: SipConfig,
        clock: IReactorTime,
        log: EventLog,
        pseudonym: Callable[[str], str],
    ) -> None:
        self._contacts = services.contacts
        self.notifications = Notifications(
            core, client, identity, self._contacts_of, settings, clock, log, pseudonym
        )
        self.publisher = Publisher(core, identity, settings, clock)
        self._news = PresenceNews(self.notifications)
        self._calls = CallsOfUsers(
            services.applications,
            services.conversations,
            services.phones,
            DialogNews(self.notifications).changed,
        )
        presence, privacy = services.presence, services.privacy
        summaries = SummaryReport(services.voicemail)
        unsolicited = Unsolicited(identity, services.users, summaries)
        self.watching = Watching(
            core, client, routes.own_ways, unsolicited.notified, clock, log, pseudonym
        )
        self._elsewhere = WatchedElsewhere(
            self.watching, services.elsewhere, presence, routes, min(identity.domains)
        )
        self._mailboxes = Mailboxes(
            self.watching, summaries, services.users, settings.voicemail_domain, identity.domains
        )
        self.watchers = Watchers(
            self.notifications, identity, presence, services.applications, clock.seconds
        )
        self.notifications.watched = self._watched
        winfo = WinfoPackage(identity, self.watchers)
        self.notifications.add(winfo, winfo.told)
        services.users.elsewhere = self._elsewhere.reaches
        for package in (
            PresencePackage(identity, presence, privacy, self._elsewhere.reaches),
            DialogPackage(identity, privacy, self._calls),
            SummaryPackage(identity, services.voicemail),
        ):
            self.notifications.add(package)
        self.publisher.add(PresenceState(services.phones))
        self.publisher.add(DialogState(self._calls.publish))
        self.publisher.add(SummaryState(services.voicemail))
        privacy.changes.append(self._news.seen_anew)
        services.voicemail.changes.append(SummaryNews(self.notifications).counted)
        services.users.departures.append(self._gone)

    def committed(self, committed: Committed) -> None:
        """A unit of work was stored (a bus listener)."""
        self._news.committed(committed)
        self._calls.committed(committed)

    def close(self) -> None:
        """The front end stops: who has subscribed is told, while there are connections."""
        self.notifications.close()
        self.watching.close()
        self.publisher.close()

    def _watched(self, package: str, uri: str, watched: bool) -> None:
        self._elsewhere.watched_by_phone(package, uri, watched)
        self.watchers.observed(package, uri, watched)

    async def _contacts_of(self, uri: str) -> Sequence[str]:
        return tuple((await self._contacts.of(uri)).uris())

    async def _gone(self, user: User, now: float) -> None:  # noqa: ARG002  # a Departure
        """A user is removed, or may not sign in any more."""
        self.publisher.gone(user.uri)
        self._calls.gone(user.uri)
        self.notifications.gone(user.uri)
        self._mailboxes.gone(user)
