"""From an entry of the directory to a user of this system."""

import unicodedata
from collections.abc import Collection
from typing import Any
from uuid import UUID

from mobility.directory.messages import Attributes, Entry
from mobility.directory.schema import (
    ACCOUNT_DISABLED,
    ACTIVE_DIRECTORY,
    LOCKED_FOR_GOOD,
    SCHEMAS,
)
from mobility.directory.settings import LdapConfig
from mobility.domain.addresses import MAX_ADDRESS, address_of, is_local, user_uri
from mobility.domain.directory_names import SCHEME, folded_dn, uri_of_name
from mobility.domain.records import User

SOURCE = "ldap"
"""`User.source` of those that come from here."""

MAX_TEXT = 256
"""Characters of a name, title and the like (Active Directory's displayName has as many)."""

E164_DIGITS = range(2, 16)
"""Digits of a number, country code included (ITU-T E.164 6.1: 15 at most)."""

MAX_EXTENSION_DIGITS = 15
MAX_DN = 1_024
"""Characters of the name of another entry (our choice: Active Directory's are up to 255)."""

MAX_NUMBER = 64
"""Characters of a telephone number as the directory writes it (Active Directory's limit)."""

TEXTS = ("title", "department", "company", "office")
PHONES = ("work_phone", "mobile_phone", "home_phone", "other_phone")
TIMESTAMP_DIGITS = 14
"""YYYYMMDDHHMMSS of a generalized time (RFC 4517 §3.3.13)."""


class Mapping:
    """How entries become users, by the settings."""

    def __init__(self, settings: LdapConfig, sip_domains: Collection[str]) -> None:
        self._settings = settings
        self._schema = SCHEMAS[settings.schema]
        self._sip_domains = sip_domains
        self._names = {
            field: tuple(name.lower() for name in names.split())
            for field, names in settings.attributes.items()
        }
        self._is_active_directory = self._schema is ACTIVE_DIRECTORY

    @property
    def attributes(self) -> list[str]:
        """The attributes to ask for: all but the photo, which is read when it is asked for."""
        schema = self._schema
        mapped = [name for field in self._names if field != "photo" for name in self._names[field]]
        own = (schema.id, schema.changed, schema.password, schema.disabled)
        return list(dict.fromkeys((*mapped, *(name.lower() for name in own))))

    @property
    def photo_attributes(self) -> tuple[str, ...]:
        """The attributes that may hold a photo, the best first."""
        return self._names["photo"]

    def user(self, entry: Entry) -> User | None:
        """The user of an entry; None when it has no SIP address in a domain served here."""
        uri = self._uri(entry.attributes)
        if uri is None:
            return None
        fields: dict[str, Any] = {field: _text(self._first(entry, field)) for field in TEXTS}
        for field in PHONES:
            fields[field] = e164(self._first(entry, field), self._settings.phone_country_code)
        email = self._first(entry, "email")
        return User(
            uri=uri,
            name=_text(self._first(entry, "name")) or address_of(uri).partition("@")[0],
            enabled=self._enabled(entry.attributes),
            email=email if _is_mail(email) else "",
            source=SOURCE,
            source_id=self.id_of(entry),
            source_name=entry.dn,
            manager=_name(self._first(entry, "manager")),
            source_password=_value(entry.attributes, self._schema.password),
            **fields,
        )

    def id_of(self, entry: Entry) -> str:
        """What an entry is known by as long as it lives; its name when the server tells no id."""
        values = entry.attributes.get(self._schema.id.lower(), ())
        if not values:
            return folded_dn(entry.dn)
        if self._is_active_directory and len(values[0]) == 16:
            return str(UUID(bytes_le=values[0]))
        return values[0].decode(errors="replace")

    @property
    def group_attributes(self) -> list[str]:
        """The attributes of a group to ask for."""
        schema = self._schema
        own = ("mail", "displayName", "cn", schema.id, schema.changed, *schema.members)
        return [name.lower() for name in own]

    @property
    def member_attributes(self) -> tuple[str, ...]:
        """Those that hold the names of members."""
        return tuple(name.lower() for name in self._schema.members)

    def group_uri(self, entry: Entry) -> str | None:
        """The SIP form of a group's mail address, in whatever domain, else the URI of its name;
        None for one whose name is too long."""
        uris = (user_uri(mail) for mail in texts(entry.attributes, "mail"))
        return next((uri for uri in uris if uri is not None), None) or self.group_name_uri(entry)

    def group_name_uri(self, entry: Entry) -> str | None:
        """The URI of a group's name in the directory; None for one that is too long."""
        return uri_of_name(entry.dn) if _name(entry.dn) else None

    def group_name(self, entry: Entry, uri: str) -> str:
        """The name of a group for display."""
        names = (_text(_value(entry.attributes, name)) for name in ("displayname", "cn"))
        return next(filter(None, names), uri if uri.startswith(SCHEME) else address_of(uri))

    def mark(self, entry: Entry) -> int:
        """When an entry was last changed, in numbers that grow; 0 when the server does not say."""
        text = _value(entry.attributes, self._schema.changed)
        digits = text if self._is_active_directory else text[:TIMESTAMP_DIGITS]
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else 0

    def changed_since(self, mark: int, wanted: str) -> str:
        """The filter for entries of the filter `wanted` that changed at `mark` or later."""
        value = str(mark) if self._is_active_directory else f"{mark:0{TIMESTAMP_DIGITS}d}Z"
        return f"(&{wanted}({self._schema.changed}>={value}))"

    def _uri(self, attributes: Attributes) -> str | None:
        for name in self._names["uri"]:
            for value in texts(attributes, name):
                text = value if "@" in value else f"{value}@{self._settings.uri_domain}"
                uri = user_uri(text)
                if uri is not None and is_local(uri, self._sip_domains):
                    return uri
        return None

    def _first(self, entry: Entry, field: str) -> str:
        """The first value of the attributes of a field, "" when there is none."""
        for name in self._names[field]:
            for value in texts(entry.attributes, name):
                if value.strip():
                    return value.strip()
        return ""

    def _enabled(self, attributes: Attributes) -> bool:
        value = _value(attributes, self._schema.disabled)
        if not self._is_active_directory:
            return value != LOCKED_FOR_GOOD
        try:
            return not int(value) & ACCOUNT_DISABLED
        except ValueError:
            return True


def e164(text: str, country_code: str) -> str:
    """A number as E.164 writes it, with `;ext=` for an extension; "" when it is none.

    One without "+" or "00" is a national number of `country_code`; without that it is none.
    """
    if len(text) > MAX_NUMBER:
        return ""
    text = text.lower().removeprefix("tel:").replace("(0)", "").strip()
    end = next((at for at, c in enumerate(text) if c.isalpha() or c in ";#"), len(text))
    digits = _digits(text[:end])
    if not text.startswith("+"):
        if digits.startswith("00"):
            digits = digits[2:]
        elif digits and country_code:
            digits = country_code + digits.removeprefix("0")
        else:
            return ""
    if len(digits) not in E164_DIGITS:
        return ""
    extension = _digits(text[end:])
    if len(extension) > MAX_EXTENSION_DIGITS:
        return ""
    return f"+{digits}" + (f";ext={extension}" if extension else "")


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isdigit())


def _is_mail(text: str) -> bool:
    return (
        len(text) <= MAX_ADDRESS and text.find("@") > 0 and text.isprintable() and " " not in text
    )


def _name(value: str) -> str:
    """The name of another entry, "" for one too long to be any."""
    return value if len(value) <= MAX_DN and value.isprintable() else ""


def _text(value: str) -> str:
    """A value fit for display: no control characters, not too long."""
    kept = (c for c in value[: 2 * MAX_TEXT] if unicodedata.category(c) not in ("Cc", "Cs"))
    return "".join(kept).strip()[:MAX_TEXT]


def texts(attributes: Attributes, name: str) -> list[str]:
    """The values of an attribute that are text."""
    found = []
    for value in attributes.get(name.lower(), ()):
        try:
            found.append(value.decode())
        except UnicodeDecodeError:
            continue
    return found


def _value(attributes: Attributes, name: str) -> str:
    """The first value of an attribute as text, "" when there is none."""
    values = texts(attributes, name)
    return values[0] if values else ""
