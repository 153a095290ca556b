"""`[forwarding]` of the configuration file: where calls go that are not answered."""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs

from mobility.config.meetings import E164
from mobility.domain.addresses import user_uri
from mobility.domain.working_hours import DAY_MIN, DAYS, WorkingHours
from mobility.toml_table import Table

_TIME = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])")


@attrs.frozen(slots=True)
class ForwardingConfig:
    """`[forwarding]`: voicemail, and when people work.

    Times are `HH:MM` on the clocks of `time_zone`, a name of the tz database (such as
    Europe/Berlin).
    """

    voicemail: str = attrs.field(repr=False, default="")
    """The SIP URI or the number that answers for users who do not; "" for no voicemail."""
    time_zone: str = "UTC"
    work_days: tuple[str, ...] = DAYS[:5]
    work_start: str = "09:00"
    work_end: str = "17:00"

    @property
    def hours(self) -> WorkingHours:
        """The hours of the ActivePeriod Workhours."""
        return WorkingHours(
            frozenset(self.work_days),
            _minutes(self.work_start),
            _minutes(self.work_end),
            ZoneInfo(self.time_zone),
        )


def read_forwarding(table: Table) -> ForwardingConfig:
    """The `[forwarding]` table.  Raises OperatorFault."""
    settings = table.record(ForwardingConfig)
    voicemail = settings.voicemail
    if voicemail:
        number = voicemail.removeprefix("tel:")
        if E164.fullmatch(number):
            voicemail = f"tel:{number}"
        elif (uri := user_uri(voicemail)) is not None:
            voicemail = uri
        else:
            raise table.fault("voicemail", "must be a SIP URI, or a number such as +14255550100")
    for name in ("work_start", "work_end"):
        time = _TIME.fullmatch(getattr(settings, name))
        if time is None or _minutes(time[0]) > DAY_MIN:
            raise table.fault(name, "must be a time from 00:00 to 24:00")
    if not set(settings.work_days) <= set(DAYS):
        raise table.fault("work_days", f"must hold only {', '.join(DAYS)}")
    try:
        ZoneInfo(settings.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise table.fault("time_zone", "must be a time zone such as Europe/Berlin") from None
    return attrs.evolve(settings, voicemail=voicemail)


def _minutes(time: str) -> int:
    hours, _, minutes = time.partition(":")
    return int(hours) * 60 + int(minutes)
