"""Users, what others see of them, and their contact lists."""

from typing import ClassVar

import attrs


@attrs.frozen(slots=True)
class User:
    """A person or a service with a SIP URI, homed on this pool or known to live elsewhere.

    `uri` is `sip:user@domain` in lower case.  `home` is "" for here, "none" for not homed
    anywhere, or the Autodiscover root URL of the pool that homes the user.
    `credential_version` grows with each password change and voids what was derived from it.
    `sip_ha1_md5`/`sip_ha1_sha256` are RFC 8760 digest hashes, "" unless enabled for SIP digest.

    `source` is "" for a local user, else the directory that keeps it ("ldap"): `source_id` is its
    lasting id there, `source_name` its name (DN) and `source_password` changes with its password.
    `photo_version` changes with the `Photo`, "" without one.  `private_phones` is a comma list of
    the kinds of phone (`mobility.domain.phones`) whose numbers contacts do not see.  `manager` is
    the URI of the user's manager, or of a mirrored user its name (DN) in the directory.
    """

    KEY: ClassVar = ("uri",)
    uri: str
    name: str
    password_hash: str = attrs.field(repr=False, default="")
    credential_version: int = 1
    home: str = ""
    enabled: bool = True
    email: str = ""
    title: str = ""
    department: str = ""
    company: str = ""
    office: str = ""
    work_phone: str = attrs.field(repr=False, default="")
    mobile_phone: str = attrs.field(repr=False, default="")
    home_phone: str = attrs.field(repr=False, default="")
    other_phone: str = attrs.field(repr=False, default="")
    site: str = ""
    enterprise_voice: bool = False
    sip_ha1_md5: str = attrs.field(repr=False, default="")
    sip_ha1_sha256: str = attrs.field(repr=False, default="")
    created_at: float = 0.0
    source: str = ""
    source_id: str = attrs.field(repr=False, default="")
    source_name: str = attrs.field(repr=False, default="")
    source_password: str = attrs.field(repr=False, default="")
    photo_version: str = ""
    private_phones: str = ""
    manager: str = attrs.field(repr=False, default="")


@attrs.frozen(slots=True)
class Photo:
    """A user's photo: a square JPEG.  It is in the store alone, never kept in memory."""

    KEY: ClassVar = ("user_uri",)
    user_uri: str
    image: bytes = attrs.field(repr=False)


@attrs.frozen(slots=True)
class Presence:
    """What watchers see of a user: one row however many watch.

    The four numbers come from the presence counter; each says when that part last changed, so a
    channel that last read number n shows the parts whose number is above n.  `manual` is the
    availability the user chose ("" for none), `availability` the aggregated one.
    """

    KEY: ClassVar = ("user_uri",)
    user_uri: str
    presence_number: int = 0
    note_number: int = 0
    location_number: int = 0
    media_number: int = 0
    manual: str = ""
    availability: str = "Offline"
    activity: str = ""
    device_type: str = "Unknown"
    last_active_at: float = 0.0
    note: str = ""
    note_type: str = "Personal"
    location: str = ""
    modalities: str = ""


@attrs.frozen(slots=True)
class PresenceSubscription:
    """A set of users whose presence one application watches until `expires_at`.

    `uris` is a space list of user URIs; `group_id` is "" for an ad hoc set.
    """

    KEY: ClassVar = ("id",)
    id: str
    application_id: str
    uris: str
    expires_at: float
    group_id: str = ""


@attrs.frozen(slots=True)
class ContactSubscription:
    """One application hears of changes to its user's contact list until `expires_at`."""

    KEY: ClassVar = ("application_id",)
    application_id: str
    expires_at: float


@attrs.frozen(slots=True)
class PrivacyRelationship:
    """The level (`mobility.domain.privacy`) that a user gave somebody."""

    KEY: ClassVar = ("owner_uri", "contact_uri")
    owner_uri: str
    contact_uri: str
    level: str


@attrs.frozen(slots=True)
class Group:
    """A group of a user's contact list; `kind` is "default", "pinned", "custom" or "distribution".

    The id of a distribution group is its mail address.
    """

    KEY: ClassVar = ("owner_uri", "id")
    owner_uri: str
    id: str
    name: str
    kind: str


@attrs.frozen(slots=True)
class DistributionGroup:
    """A list of people that a directory keeps.

    `uri` is the SIP form of its mail address; a group without one is known by `source_name`, the
    URI of its name in the directory (`mobility.domain.directory_names`), to policies alone.
    `members` is a space list of the URIs of its direct members, people and other groups.  `source`
    and `source_id` are as those of a user.
    """

    KEY: ClassVar = ("uri",)
    uri: str
    name: str
    members: str
    source: str
    source_id: str
    source_name: str = ""

    @property
    def has_address(self) -> bool:
        """Whether it is a distribution group, which people see."""
        return self.uri != self.source_name


@attrs.frozen(slots=True)
class Contact:
    """One entry of a contact list, in one group."""

    KEY: ClassVar = ("owner_uri", "group_id", "uri")
    owner_uri: str
    group_id: str
    uri: str
