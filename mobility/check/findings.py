"""Rules, findings and reports: what checks give back."""

import enum
from collections.abc import Iterable

import attrs

PARTS = ("topology", "dns", "certificates", "ports", "proxy", "push", "host")
"""The parts of the check, in the order in which they are looked at."""


class Severity(enum.Enum):
    """How much a finding hurts."""

    ERROR = "error"
    """Some clients cannot use the service."""
    WARNING = "warning"
    """It works now, or for most, and will not stay so."""
    ADVICE = "advice"
    """It works otherwise than it was planned."""


@attrs.frozen(slots=True)
class Rule:
    """One thing that checks ask for.

    `id` is "part.name".  `fault` says in general what a finding of it means, `why` why it
    matters, `remedy` what to do.
    """

    id: str
    severity: Severity
    fault: str
    why: str
    remedy: str

    @property
    def part(self) -> str:
        return self.id.partition(".")[0]


@attrs.frozen(slots=True)
class Finding:
    """A rule that something breaks: `subject` names it, `what` says what was seen."""

    rule: Rule
    subject: str
    what: str

    def as_json(self) -> dict[str, str]:
        return {
            "id": self.rule.id,
            "severity": self.rule.severity.value,
            "subject": self.subject,
            "what": self.what,
            "why": self.rule.why,
            "do": self.rule.remedy,
        }


@attrs.frozen(slots=True)
class Skipped:
    """Something that could not be looked at, and why."""

    what: str
    reason: str


@attrs.frozen(slots=True)
class Report:
    """What a part of the check found, looked at, left out, and has to tell besides."""

    findings: tuple[Finding, ...] = ()
    looked_at: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: "Report") -> "Report":
        return Report(
            self.findings + other.findings,
            self.looked_at + other.looked_at,
            self.skipped + other.skipped,
            self.notes + other.notes,
        )

    @property
    def ids(self) -> list[str]:
        """The ids of the findings in their order, each once."""
        return list(dict.fromkeys(finding.rule.id for finding in self.findings))

    def as_json(self) -> dict[str, object]:
        return {
            "findings": [finding.as_json() for finding in self.findings],
            "looked_at": list(self.looked_at),
            "skipped": [attrs.asdict(one) for one in self.skipped],
            "notes": list(self.notes),
        }


def together(reports: Iterable[Report]) -> Report:
    """Several reports as one."""
    return sum(reports, Report())
