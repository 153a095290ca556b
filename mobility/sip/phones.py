"""Phones as they are reached: each over one of its flows at a time (RFC 5626 section 5.3)."""

from collections.abc import Iterable, Sequence

from mobility.domain.records import Binding
from mobility.sip.gruu import plain_instance

Phone = Sequence[Binding]
"""A phone, as its bindings: one for each of its flows, the one to try first coming first."""


def name_of(binding: Binding) -> str:
    """What the flows of one phone of a user have in common; that of a phone that does not say
    which it is has nothing in common with any other."""
    return plain_instance(binding.instance) or f"binding {binding.id}"


def phones_of(bindings: Sequence[Binding]) -> list[Phone]:
    """The phones of a user whose bindings are these, in their order."""
    if len(bindings) == 1:
        return [bindings]
    phones: dict[str, list[Binding]] = {}
    for binding in bindings:
        phones.setdefault(name_of(binding), []).append(binding)
    return list(phones.values())


def new_phones(bindings: Sequence[Binding], known: Iterable[Phone]) -> list[Phone]:
    """Those of the phones that are none of the known ones, by whatever flow."""
    names = {name_of(one) for phone in known for one in phone}
    return [one for one in phones_of(bindings) if name_of(one[0]) not in names]
