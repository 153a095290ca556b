"""The LDAP directory as a service of a front end: replication, sign-in, and how it stands."""

from collections.abc import Callable

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from mobility.auth.grants import PasswordVerifier
from mobility.directory.binds import Binds
from mobility.directory.groups import GroupReplication
from mobility.directory.mapping import SOURCE, Mapping
from mobility.directory.photos import DirectoryPhotos
from mobility.directory.replicator import Replicator
from mobility.directory.searches import Searches
from mobility.directory.servers import Connector, Servers
from mobility.directory.settings import LdapConfig
from mobility.directory.sign_in import DirectoryPasswords
from mobility.domain.distribution_groups import DistributionGroups
from mobility.domain.mirror import Mirror
from mobility.domain.users import Users
from mobility.events import EventLog
from mobility.reactor import IReactor
from mobility.schedule import Recurring


class LdapDirectory(MultiService):
    """Replicates while it runs.  Building it reads files and raises OperatorFault."""

    source = SOURCE
    """`User.source` of its users."""

    def __init__(
        self,
        settings: LdapConfig,
        sip_domains: tuple[str, ...],
        users: Users,
        groups: DistributionGroups,
        *,
        reactor: IReactor,
        epoch: Callable[[], float],
        log: EventLog,
        pseudonym: Callable[[str], str],
    ) -> None:
        super().__init__()
        self._settings = settings
        self._log = log
        self._servers = Servers(settings, Connector(settings, reactor), reactor.seconds, log)
        password = settings.bind_password
        self._searches = Searches(self._servers, settings.bind_dn, password)
        self._photo_searches = Searches(self._servers, settings.bind_dn, password)
        self._binds = Binds(self._servers)
        mapping = Mapping(settings, sip_domains)
        mirror = Mirror(
            users,
            SOURCE,
            settings.max_removal_percent,
            lambda: deferLater(reactor, 0),
        )
        self.photos = DirectoryPhotos(
            settings,
            self._photo_searches,
            mapping.photo_attributes,
            reactor.seconds,
            log,
            pseudonym,
        )
        """The photos of the directory's users."""
        group_replication = (
            GroupReplication(settings, self._searches, mapping, groups, log)
            if settings.group_base
            else None
        )
        self.replicator = Replicator(
            settings, self._searches, mapping, mirror, group_replication, epoch, log, pseudonym
        )
        Recurring(
            "directory",
            settings.sync_interval_s,
            self.replicator.run,
            reactor,
            log,
            now=True,
        ).setServiceParent(self)

    def passwords(self, local: PasswordVerifier) -> DirectoryPasswords:
        """Who verifies passwords of the directory's users, and by `local` those of the others."""
        settings = self._settings
        return DirectoryPasswords(
            local, self._binds, settings.user_base, settings.sign_ins_at_once, self._log
        )

    @property
    def reachable(self) -> bool:
        """Whether a server was good when it was last asked."""
        return self._servers.reachable

    def standing(self) -> dict[str, object]:
        """How it stands, for `mobility status`."""
        replicator = self.replicator
        problems = (replicator.problem, self._servers.problem)
        return {
            "server": self._searches.server,
            "synced_at": replicator.synced_at,
            "full_sync_at": replicator.full_sync_at,
            "problem": "; ".join(filter(None, problems)),
        }

    def stopService(self) -> Deferred[None]:
        """End what is under way, and close the connections."""
        self.replicator.stop()
        self._searches.close()
        self._photo_searches.close()
        self._binds.close()
        stopped: Deferred[None] = super().stopService()
        return stopped
