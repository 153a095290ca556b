"""Mobility policy: what users may do with mobile clients (CsMobilityPolicy).

Names of parameters and their defaults are those of New-CsMobilityPolicy and Set-CsMobilityPolicy.
Which policy rules a user: the one granted to it, else that of the group of the lowest rank that it
is in, else that of its site, else the global one, each as a whole.
"""

from collections.abc import Callable
from typing import Any, cast

import attrs

from mobility.domain.directory_names import group_uri
from mobility.domain.ledger import Ledger
from mobility.domain.records import MobilityGrant, MobilitySetting, User
from mobility.domain.setting_book import SettingBook
from mobility.domain.setting_rules import (
    MAX_DESCRIPTION,
    Kinds,
    a_name,
    choice,
    field,
    flag,
    name_field,
    number,
    scoped,
    text,
)
from mobility.domain.users import Users
from mobility.errors import Parameter, validation_failure

VOICE_SETTINGS = ("", "VoIPAlways", "VoIPOverWiFi", "Cellular")
"""How a client is to call by default, "" for its own choice."""

BROWSER = "browser"
"""The type of an application that is no mobile client, in lower case (UCWA "Multi-Tab Support")."""


def _flag(documented: str, *, default: bool = True) -> Any:
    return field(default, flag, documented=documented)


@attrs.frozen(slots=True)
class MobilityPolicy:
    """One mobility policy, with the documented defaults.

    RequireIntune and AllowAutomaticPstnFallback are documented as reserved: they are kept and
    shown, and decide nothing.
    """

    name: str = name_field(scoped("site:", "tag:"))
    enable_mobility: bool = _flag("EnableMobility")
    enable_outside_voice: bool = _flag("EnableOutsideVoice")
    enable_ip_audio_video: bool = _flag("EnableIPAudioVideo")
    require_wifi_for_ip_audio: bool = _flag("RequireWiFiForIPAudio", default=False)
    require_wifi_for_ip_video: bool = _flag("RequireWiFiForIPVideo", default=False)
    require_wifi_for_sharing: bool = _flag("RequireWiFiForSharing", default=False)
    allow_save_call_logs: bool = _flag("AllowSaveCallLogs")
    allow_exchange_connectivity: bool = _flag("AllowExchangeConnectivity")
    allow_save_im_history: bool = _flag("AllowSaveIMHistory")
    allow_save_credentials: bool = _flag("AllowSaveCredentials")
    allow_customer_experience_improvement_program: bool = _flag(
        "AllowCustomerExperienceImprovementProgram"
    )
    allow_device_contacts_sync: bool = _flag("AllowDeviceContactsSync")
    enable_push_notifications: bool = _flag("EnablePushNotifications")
    encrypt_app_data: bool = _flag("EncryptAppData")
    voice_settings: str = field("", choice(*VOICE_SETTINGS), documented="VoiceSettings")
    require_intune: bool = _flag("RequireIntune", default=False)
    allow_automatic_pstn_fallback: bool = _flag("AllowAutomaticPstnFallback", default=False)
    description: str = field("", text(MAX_DESCRIPTION), documented="Description")


def _group(value: object) -> str:
    good = isinstance(value, str) and group_uri(value) == value
    form = "the SIP form of a group's address, sip:group@domain, or the URI of its name, ldap:///DN"
    return "" if good else f"must be {form}"


def _tag(value: object) -> str:
    good = isinstance(value, str) and (":" not in value or value.lower().startswith("tag:"))
    return a_name(value) if good else "must be the name of a policy for users"


def _as_tag(name: str) -> str:
    return f"tag:{name.partition(':')[2] or name}"


@attrs.frozen(slots=True)
class GroupPolicy:
    """The policy of the members of a distribution group (as CsGroupPolicyAssignment).

    `name` is the group's URI, or that of its name in the directory.  Of the groups of a user the
    one with the lowest rank counts, of two with the same rank the first by URI.
    """

    name: str = name_field(_group)
    policy: str = field("", _tag, "policies", made=_as_tag)
    rank: int = field(1, number(1, 10_000))
    description: str = field("", text(MAX_DESCRIPTION), documented="Description")


def _check_whole(thing: object) -> None:
    if isinstance(thing, GroupPolicy) and not thing.policy:
        raise validation_failure(Parameter("policy", "is missing"))


KIND = "policies"
GROUP_KIND = "group-policies"
KINDS: dict[str, type[MobilityPolicy] | type[GroupPolicy]] = {
    KIND: MobilityPolicy,
    GROUP_KIND: GroupPolicy,
}
SINGULAR = {KIND: "mobility policy", GROUP_KIND: "group policy"}

MOBILITY = Kinds(
    KINDS,
    SINGULAR,
    (KIND,),
    granted={"mobility_policy": KIND},
    in_lower_case=(GROUP_KIND,),
    whole=_check_whole,
)


class MobilityPolicies(SettingBook[MobilityGrant]):
    """The mobility policies of this system, and which of them rules whom."""

    def __init__(self, ledger: Ledger, users: Users) -> None:
        super().__init__(ledger, users, MOBILITY, MobilitySetting, MobilityGrant)
        self.is_member: Callable[[str, str], bool] = lambda group, member: False  # noqa: ARG005
        """Whether a group has a user among its members."""
        self.exempt: Callable[[str], bool] = lambda _: False
        """Whether a user is none who carries a mobile client, but a service account."""

    def policy_of(self, user: User) -> MobilityPolicy:
        """The mobility policy that rules a user."""
        granted = self.grant_of(user.uri).mobility_policy or self._of_group(user)
        return cast(MobilityPolicy, self.first(KIND, granted, f"site:{self.site_of(user)}"))

    def _of_group(self, user: User) -> str:
        """The policy that a user has by its groups, "" for none."""
        ranked = sorted(self.things(GROUP_KIND), key=lambda one: (one.rank, one.name))
        return next((one.policy for one in ranked if self.is_member(one.name, user.uri)), "")

    @property
    def by_group(self) -> bool:
        """Whether any policy depends on who is in which group."""
        return bool(self.things(GROUP_KIND))

    def of(self, uri: str) -> MobilityPolicy:
        """The mobility policy that rules a user; the global one for who is none."""
        user = self._users.find(uri)
        return self.policy_of(user) if user is not None else self.find(KIND, "global").thing

    def may_push(self, uri: str) -> bool:
        """Whether the user's devices may be woken by push notifications."""
        policy = self.of(uri)
        return policy.enable_mobility and policy.enable_push_notifications

    def may_sign_in(self, user: User, application_type: str) -> bool:
        """Whether a user may have an application of this type: any but a mobile one always."""
        if application_type.casefold() == BROWSER or self.exempt(user.uri):
            return True
        return self.policy_of(user).enable_mobility
