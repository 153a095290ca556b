"""Whether push notifications can leave: federation through an Access Edge."""

from mobility.check.findings import Finding, Report, Rule, Severity, Skipped
from mobility.planning.deployment import Deployment

NO_EDGE = Rule(
    "push.no-edge",
    Severity.ERROR,
    "push notifications are on, and there is no Access Edge",
    "Push notifications go by SIP federation to the push clearing house, and an Edge server is "
    "where federation leaves; without it phones whose app sleeps hear of nothing.",
    "Name the Access Edge in the topology, or turn push notifications off.",
)
RULES = (NO_EDGE,)


def judge(deployment: Deployment, *, enabled: bool) -> Report:
    """What stands in the way of push notifications, as far as the configuration tells."""
    if not enabled:
        return Report(skipped=(Skipped("push", "push notifications are not on"),))
    findings: tuple[Finding, ...] = ()
    if not deployment.edge:
        findings = (Finding(NO_EDGE, "Access Edge", "the topology names no Access Edge"),)
    return Report(findings, ("push notifications are on",))
