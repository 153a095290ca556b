"""What directories call the things of a user: defaults of Active Directory and inetOrgPerson."""

from collections.abc import Mapping

import attrs

USER_FIELDS = (
    "uri",
    "name",
    "email",
    "title",
    "department",
    "company",
    "office",
    "work_phone",
    "mobile_phone",
    "home_phone",
    "other_phone",
    "manager",
    "photo",
)
"""The fields that `[directory.ldap.attributes]` maps."""


@attrs.frozen(slots=True)
class Schema:
    """One family of directories.

    `id` never changes while an entry lives; `changed` grows with each change of an entry;
    `password` changes with its password; `disabled` says whether it may sign in, in the family's
    own way; `members` hold the names of a group's members.
    """

    user_filter: str
    group_filter: str
    attributes: Mapping[str, str]
    id: str
    changed: str
    password: str
    disabled: str
    members: tuple[str, ...]


ACTIVE_DIRECTORY = Schema(
    user_filter="(&(objectCategory=person)(objectClass=user))",
    group_filter="(objectCategory=group)",
    attributes={
        "uri": "msRTCSIP-PrimaryUserAddress proxyAddresses mail",
        "name": "displayName cn",
        "email": "mail",
        "title": "title",
        "department": "department",
        "company": "company",
        "office": "physicalDeliveryOfficeName",
        "work_phone": "telephoneNumber",
        "mobile_phone": "mobile",
        "home_phone": "homePhone",
        "other_phone": "otherTelephone",
        "manager": "manager",
        "photo": "thumbnailPhoto jpegPhoto",
    },
    id="objectGUID",
    changed="uSNChanged",
    password="pwdLastSet",  # noqa: S106  # the name of an attribute
    disabled="userAccountControl",
    members=("member",),
)

INETORGPERSON = Schema(
    user_filter="(objectClass=inetOrgPerson)",
    group_filter="(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))",
    attributes={
        "uri": "mail",
        "name": "displayName cn",
        "email": "mail",
        "title": "title",
        "department": "departmentNumber ou",
        "company": "o",
        "office": "physicalDeliveryOfficeName",
        "work_phone": "telephoneNumber",
        "mobile_phone": "mobile",
        "home_phone": "homePhone",
        "other_phone": "",
        "manager": "manager",
        "photo": "jpegPhoto",
    },
    id="entryUUID",
    changed="modifyTimestamp",
    password="pwdChangedTime",  # noqa: S106  # the name of an attribute
    disabled="pwdAccountLockedTime",
    members=("member", "uniqueMember"),
)

SCHEMAS: Mapping[str, Schema] = {
    "active-directory": ACTIVE_DIRECTORY,
    "inetorgperson": INETORGPERSON,
}
"""The value of `schema` to the family."""

ACCOUNT_DISABLED = 0x2
"""ADS_UF_ACCOUNTDISABLE of userAccountControl (MS-ADTS §2.2.16)."""

LOCKED_FOR_GOOD = "000001010000Z"
"""pwdAccountLockedTime of an account that an administrator locked (draft-behera-ldap-password-
policy §5.3.3)."""
