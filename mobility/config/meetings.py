"""`[meetings]` of the configuration file as frozen records."""

import re

import attrs

from mobility.config.mixer import MixerConfig, read_mixer
from mobility.domain.meeting_policy import MeetingPolicy
from mobility.toml_table import Table, between, one_of
from mobility.urls import ascii_url, parts_of

YEAR_S = 365 * 86_400

E164 = re.compile(r"\+[1-9][0-9]{1,14}")
"""An international telephone number (ITU-T E.164 section 6)."""


@attrs.frozen(slots=True)
class DialInRegion:
    """One `[[meetings.dial_in]]` table: a number by which people dial into meetings.

    `number` is in E.164 form with the plus sign; `languages` are language tags (RFC 5646).
    """

    name: str
    number: str
    languages: tuple[str, ...] = ()


@attrs.frozen(slots=True)
class MeetingsConfig:
    """`[meetings]`: what users may schedule and what invitations to meetings say."""

    join_url: str = ""
    """Where join URLs begin; "" is `/meet` on `web.external_url`."""
    per_user: int = between(250, 1, 10_000)
    lifetime_s: int = between(28_800, 60, 10 * YEAR_S)
    """Of a meeting scheduled without an expiration time."""
    size: int = between(250, 2, 10_000)
    """How many may take part in a meeting (CsConferencingPolicy's MaxMeetingSize)."""
    lobby_size: int = between(250, 1, 10_000)
    """How many may wait in a meeting's lobby (our choice: as many as may take part)."""
    lobby_timeout_s: int = between(900, 30, 86_400)
    """After how long in the lobby a person is sent away (our choice)."""
    assigned: bool = True
    """Whether each user has a meeting that is always there."""
    anonymous: bool = True
    """Whether meetings may admit people without an account (CsConferencingPolicy's
    AllowAnonymousParticipantsInMeetings)."""
    enable_app_desktop_sharing: bool = True
    """Whether screens and programs may be shared, in meetings and between two (as
    CsConferencingPolicy's EnableAppDesktopSharing)."""
    enable_data_collaboration: bool = True
    """Whether people may work on documents together (as CsConferencingPolicy's
    EnableDataCollaboration)."""
    guests: int = between(500, 1, 100_000)
    """How many people without an account may hold tokens for one meeting (our choice: as many as
    may be in it and in its lobby)."""
    access_level: str = one_of("SameEnterprise", "Everyone", "Invited", "Locked")
    automatic_leader_assignment: str = one_of("Disabled", "SameEnterprise", "Everyone")
    dial_in: tuple[DialInRegion, ...] = ()
    """The first is the default region."""
    internal_directory_url: str = ""
    external_directory_url: str = ""
    """Web pages with the numbers to dial."""
    help_url: str = ""
    enterprise_help_url: str = ""
    legal_url: str = ""
    logo_url: str = ""
    footer: str = ""
    """The last line of an invitation."""
    mixer: MixerConfig = attrs.Factory(MixerConfig)

    @property
    def policy(self) -> MeetingPolicy:
        """What these settings let users choose."""
        return MeetingPolicy(
            per_user=self.per_user,
            lifetime_s=self.lifetime_s,
            size=self.size,
            assigned=self.assigned,
            anonymous=self.anonymous,
            dial_in=bool(self.dial_in),
            access_level=self.access_level,
            automatic_leader_assignment=self.automatic_leader_assignment,
        )


def read_meetings(table: Table) -> MeetingsConfig:
    """The `[meetings]` table.  Raises OperatorFault."""
    regions = tuple(_dial_in_region(region) for region in table.tables("dial_in"))
    if len({region.name for region in regions}) != len(regions):
        raise table.fault("dial_in", "must name each region once")
    mixer = read_mixer(table.table("mixer"))
    meetings = table.record(MeetingsConfig, dial_in=regions, mixer=mixer)
    for name in ("access_level", "automatic_leader_assignment"):
        if getattr(meetings, name) == "Everyone" and not meetings.anonymous:
            raise table.fault(name, "must not be Everyone where meetings.anonymous = false")
    for field in attrs.fields(MeetingsConfig):
        url = getattr(meetings, field.name)
        if field.name.endswith("_url") and url and not _is_page(url):
            raise table.fault(field.name, "must be an http or https URL without a query")
    return attrs.evolve(meetings, join_url=ascii_url(meetings.join_url.rstrip("/")))


def _dial_in_region(table: Table) -> DialInRegion:
    region = table.record(DialInRegion)
    if not region.name:
        raise table.fault("name", "must not be empty")
    if E164.fullmatch(region.number) is None:
        raise table.fault("number", "must be a number such as +14255550100")
    return region


def _is_page(url: str) -> bool:
    parts = parts_of(url)
    return parts is not None and parts.scheme in ("http", "https") and not set(url) & set("?# ")
