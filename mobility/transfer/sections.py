"""The registry: every section of the document, in the order in which they are taken in."""

from collections.abc import Collection
from typing import Protocol

from mobility.auth.passwords import Passwords
from mobility.domain.delegates import Delegates
from mobility.domain.distribution_groups import DistributionGroups
from mobility.domain.forwarding import Forwarding
from mobility.domain.mobility_policy import GROUP_KIND, MobilityPolicies
from mobility.domain.mobility_policy import KIND as MOBILITY_KIND
from mobility.domain.push_switches import PushSwitches
from mobility.domain.service_accounts import ServiceAccounts
from mobility.domain.users import Users
from mobility.domain.voice import Voice
from mobility.transfer.forwarding import ForwardingSection
from mobility.transfer.people import DelegateSection, GroupSection
from mobility.transfer.profiles import Domains
from mobility.transfer.push_switches import PushSwitchSection
from mobility.transfer.service_accounts import ServiceAccountSection
from mobility.transfer.settings import GrantSection, SettingSection
from mobility.transfer.staging import Section
from mobility.transfer.users import UserSection

VOICE_KINDS = {
    "pstn_usages": "usages",
    "gateways": "gateways",
    "voice_routes": "routes",
    "voice_policies": "policies",
    "dial_plans": "dial-plans",
    "emergency_numbers": "emergency-numbers",
}
"""Name of a section to the kind of the objects of voice routing in it."""


class Parts(Protocol):
    """What the sections are about: a front end, or as much of one."""

    users: Users
    passwords: Passwords
    distribution_groups: DistributionGroups
    delegates: Delegates
    voice: Voice
    forwarding: Forwarding


def sections(
    parts: Parts,
    policies: MobilityPolicies,
    service_accounts: ServiceAccounts,
    push_switches: PushSwitches,
    domains: Domains,
    directories: Collection[str],
) -> list[Section]:
    """People and service accounts come first: the others name them.  `directories` are sources that
    keep their users."""
    users, voice = parts.users, parts.voice
    return [
        UserSection(users, parts.passwords, domains, directories),
        ServiceAccountSection(service_accounts, users, domains),
        GroupSection(parts.distribution_groups),
        DelegateSection(parts.delegates, users, team=False),
        DelegateSection(parts.delegates, users, team=True),
        *(SettingSection(name, "voice", voice, kind) for name, kind in VOICE_KINDS.items()),
        GrantSection("voice_grants", "voice", voice, users),
        SettingSection("mobility_policies", "mobility", policies, MOBILITY_KIND),
        SettingSection("mobility_group_policies", "mobility", policies, GROUP_KIND),
        GrantSection("mobility_grants", "mobility", policies, users),
        ForwardingSection(parts.forwarding, users),
        PushSwitchSection(push_switches),
    ]
