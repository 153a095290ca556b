"""What is watched in other systems: people of other domains, and users' mailboxes."""

from collections.abc import Collection

from mobility.domain.addresses import address_of
from mobility.domain.elsewhere import Elsewhere
from mobility.domain.presence import PresenceBook
from mobility.domain.records import User
from mobility.domain.users import Users
from mobility.sip.grammar import Malformed
from mobility.sip.reports import PresenceReport, SummaryReport
from mobility.sip.static_routes import StaticRoutes
from mobility.sip.uri import SipUri, parse_sip_uri
from mobility.sip.watching import Watching

WATCHER = "presence"
"""The user part under which presence of other domains is asked for."""


class WatchedElsewhere:
    """Watches whoever of other domains is watched by somebody here.

    There is one subscription a person, of the domain and not of a user: the other side decides once
    for all users here, and none of them sees through another what it may not see itself.
    """

    def __init__(
        self,
        watching: Watching,
        elsewhere: Elsewhere,
        presence: PresenceBook,
        routes: StaticRoutes,
        domain: str,
    ) -> None:
        self._watching = watching
        self._elsewhere = elsewhere
        self._presence = presence
        self._routes = routes
        self._watcher = f"sip:{WATCHER}@{domain}"
        self._report = PresenceReport(elsewhere)
        self._by_phones: set[str] = set()
        presence.watches.append(self._look_at)
        for uri in presence.watched():
            self._look_at(uri)

    def reaches(self, uri: str) -> bool:
        """Whether a URI is of another domain to which requests can be sent."""
        target = self._target(uri)
        return target is not None and self._routes.reaches(target)

    def watched_by_phone(self, package: str, uri: str, watched: bool) -> None:
        """Phones have begun to watch somebody, or none does any more."""
        if package == self._report.name:
            (self._by_phones.add if watched else self._by_phones.discard)(uri)
            self._look_at(uri)

    def _look_at(self, uri: str) -> None:
        if uri in self._by_phones or self._presence.watchers(uri):
            target = self._target(uri)
            if target is not None and self._routes.reaches(target):
                self._watching.watch(self._report, uri, target, self._watcher)
        else:
            self._watching.unwatch(self._report.name, uri)

    def _target(self, uri: str) -> SipUri | None:
        if not self._elsewhere.is_elsewhere(uri):
            return None
        try:
            return parse_sip_uri(uri)
        except (Malformed, UnicodeError):  # an address in letters that SIP does not have
            return None


class Mailboxes:
    """Watches the mailboxes of all users who have Enterprise Voice, where there is a voicemail
    system that can be asked."""

    def __init__(
        self,
        watching: Watching,
        report: SummaryReport,
        users: Users,
        domain: str,
        domains: Collection[str],
    ) -> None:
        self._watching = watching
        self._report = report
        self._domain = domain
        self._domains = domains
        if domain:
            users.arrivals.append(self.look_at)
            for user in users.all():
                self.look_at(user)

    def look_at(self, user: User) -> None:
        """A user is there, or is another than before."""
        address = address_of(user.uri)
        name, _, domain = address.partition("@")
        wanted = user.enabled and user.enterprise_voice and not user.home
        if not wanted or domain not in self._domains:
            self.gone(user)
            return
        try:
            target = parse_sip_uri(f"sip:{name}@{self._domain}")
        except (Malformed, UnicodeError):  # a name in letters that SIP does not have
            return
        self._watching.watch(self._report, user.uri, target, user.uri)

    def gone(self, user: User) -> None:
        """A user is removed, or may not sign in any more."""
        self._watching.unwatch(self._report.name, user.uri)
