"""What an item of the document says of a user beside its secrets: read, and written."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import attrs

from mobility.domain.addresses import address_of, is_local, user_uri
from mobility.domain.mirror import OWNED
from mobility.domain.phones import KINDS
from mobility.domain.records import User
from mobility.domain.setting_rules import with_value
from mobility.domain.topology import Topology
from mobility.errors import Parameter, PeerFault, validation_failure
from mobility.operate.profile import RULES, applied, check, homed, shown
from mobility.transfer.staging import Item, unknown_keys

PRIVATE = "private_phones"

_PLAIN = frozenset(field.name for field in attrs.fields(User))
"""Fields of a record that an item has under the same name."""


@attrs.frozen(slots=True)
class Domains:
    """Where users of this system may be: their addresses, and their homes."""

    sip_domains: Collection[str]
    topology: Topology = attrs.Factory(Topology)


@attrs.frozen(slots=True)
class Profile:
    """What an item says: the user's URI in the system's spelling, and the right values."""

    uri: str
    values: dict[str, Any]
    private: str | None
    """The kinds of phone numbers that others do not see; None when it does not say."""

    def over(self, user: User, *, whole: bool) -> User:
        """`user` with what the item says; with `whole` nothing is private that it does not name."""
        after = applied(user, self.values)
        if self.private is None and not whole:
            return after
        return attrs.evolve(after, private_phones=self.private or "")


def read_profile(
    item: Item, keys: Sequence[str], domains: Domains, more: Iterable[Parameter] = ()
) -> Profile:
    """Read an item that may have `keys`.

    Raises PeerFault for all that is wrong with it at once, `more` among it.
    """
    wrong = [Parameter(key, rule) for key, rule in unknown_keys(item, keys)]
    wrong += more
    uri = user_uri(item["uri"]) if isinstance(item.get("uri"), str) else None
    if uri is None:
        wrong.append(
            Parameter("uri", with_value(item.get("uri", ""), "must be a SIP URI: sip:user@domain"))
        )
    elif not is_local(uri, domains.sip_domains):
        names = ", ".join(domains.sip_domains)
        rule = f"is {uri!r}, must be in a SIP domain of this system: {names}"
        wrong.append(Parameter("uri", rule))
    private = item.get(PRIVATE)
    if private is not None and not (
        isinstance(private, list) and all(kind in KINDS for kind in private)
    ):
        wrong.append(Parameter(PRIVATE, f"must be a list of {', '.join(KINDS)}"))
        private = None
    values = {key: item[key] for key in item if key in RULES and key in keys}
    try:
        check(values)
        values = dict(homed(values, domains.topology))
    except PeerFault as fault:
        wrong += fault.parameters
    if wrong or uri is None:
        raise validation_failure(*wrong)
    return Profile(uri, values, None if private is None else ",".join(private))


def usual_name(uri: str) -> str:
    """What a user is called who was given no name."""
    return address_of(uri).partition("@")[0]


def with_defaults(user: User, *, mirrored: bool = False) -> User:
    """A user whose fields have their defaults, apart from those that its directory owns."""
    usual = User(user.uri, usual_name(user.uri))
    reset: dict[str, Any] = {
        key: getattr(usual, key)
        for key in (*RULES, PRIVATE)
        if key in _PLAIN and not (mirrored and key in OWNED)
    }
    return attrs.evolve(user, **reset)


def profile_item(user: User, *, mirrored: bool = False) -> Item:
    """The item of a user, without what has its default or is its directory's."""
    item: Item = {"uri": user.uri}
    plain, usual = shown(user), shown(User(user.uri, ""))
    for key in RULES:
        if key in plain and plain[key] != usual[key] and not (mirrored and key in OWNED):
            item[key] = plain[key]
    if user.private_phones:
        item[PRIVATE] = user.private_phones.split(",")
    return item
