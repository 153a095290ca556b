"""Mobility policy at work: which policy rules whom, and what follows when that changes."""

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications
from mobility.domain.call_policy import CallPolicies
from mobility.domain.call_rights import CallRights
from mobility.domain.conversations import Conversations
from mobility.domain.distribution_groups import DistributionGroups
from mobility.domain.group_members import GroupMembers
from mobility.domain.homing import Homing
from mobility.domain.ledger import Ledger
from mobility.domain.mobility_policy import MobilityPolicies
from mobility.domain.mobility_rights import MobilityRights
from mobility.domain.users import Users
from mobility.domain.voice import Voice


@attrs.frozen(slots=True)
class Mobility:
    """Policies, and who is told of them."""

    policies: MobilityPolicies
    rights: MobilityRights
    call_rights: CallRights
    homing: Homing


def mobility(
    ledger: Ledger,
    agenda: Agenda,
    users: Users,
    voice: Voice,
    policies: MobilityPolicies,
    applications: Applications,
    conversations: Conversations,
    call_policies: CallPolicies,
    homing: Homing,
    groups: DistributionGroups,
) -> Mobility:
    """Let what policies and users change reach live applications from now on."""
    rights = MobilityRights(ledger, agenda, users, applications, policies)
    call_rights = CallRights(ledger, applications, conversations, call_policies)
    policies.watchers += [call_rights.watch, rights.watch]
    voice.watchers.append(call_rights.watch)
    users.changes += [call_rights.follow, rights.follow]
    users.followers += [homing.followed, rights.followed]
    users.removals.append(policies.forget)
    members = GroupMembers(agenda, groups, policies)
    policies.is_member = members.has
    groups.followers.append(members.follow)
    agenda.at(0.0, rights.end_all)
    return Mobility(policies, rights, call_rights, homing)
