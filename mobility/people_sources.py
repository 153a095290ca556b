"""Where people come from: local users, and the directory that the configuration names."""

from collections.abc import Callable

from mobility.config import Config
from mobility.directory.service import LdapDirectory
from mobility.domain.distribution_groups import DistributionGroups
from mobility.domain.photos import Darkroom, LocalPhotos, Photos, PhotoSource
from mobility.domain.users import Users
from mobility.events import EventLog
from mobility.reactor import IReactor


def ldap_directory(
    config: Config,
    users: Users,
    distribution_groups: DistributionGroups,
    *,
    reactor: IReactor,
    epoch: Callable[[], float],
    log: EventLog,
    pseudonym: Callable[[str], str],
) -> LdapDirectory | None:
    """The LDAP directory whose people are mirrored here, if there is one."""
    ldap = config.directory.ldap
    if not ldap.servers:
        return None
    return LdapDirectory(
        ldap,
        config.sip_domains,
        users,
        distribution_groups,
        reactor=reactor,
        epoch=epoch,
        log=log,
        pseudonym=pseudonym,
    )


def photo_sources(
    local: LocalPhotos, directory: LdapDirectory | None, darkroom: Darkroom
) -> Photos:
    """The photos of local users, and those of the directory's."""
    sources: dict[str, PhotoSource] = {"": local}
    if directory is not None:
        sources[directory.source] = directory.photos
    return Photos(sources, darkroom)
