"""Who may send: organisations by the names in their certificates, and what each may do."""

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from cryptography import x509
from OpenSSL.crypto import X509

from mobility.clearing_house.settings import OrganisationSettings

SHARE = 2
"""One destination may hold an organisation's queue up to this part of it (a half: our choice), so
that one provider that is down leaves room for what goes to the others."""


def names_of(certificate: X509 | None) -> frozenset[str]:
    """The host names (subject alternative names) of a certificate, in lower case."""
    if certificate is None:
        return frozenset()
    try:
        extension = certificate.to_cryptography().extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    return frozenset(name.lower() for name in extension.value.get_values_for_type(x509.DNSName))


class Organisation:
    """One organisation and what it has used; `now` is a clock that does not jump."""

    def __init__(self, settings: OrganisationSettings, now: Callable[[], float]) -> None:
        self.settings = settings
        self.queued = 0
        self._at: dict[str, int] = {}
        self._now = now
        self._tokens = float(settings.burst)
        self._filled_at = now()

    @property
    def name(self) -> str:
        return self.settings.name

    def change(self, settings: OrganisationSettings) -> None:
        """Take new settings; what was used stays used."""
        self.settings = settings

    def may_push_to(self, app_id: str) -> bool:
        return any(fnmatchcase(app_id, pattern) for pattern in self.settings.apps)

    def has_room(self, destination: str) -> bool:
        """Whether one more push for a destination may wait."""
        most = self.settings.max_queued
        return self.queued < most and self._at.get(destination, 0) < max(1, most // SHARE)

    def waits(self, destination: str) -> None:
        """One more waits for it."""
        self.queued += 1
        self._at[destination] = self._at.get(destination, 0) + 1

    def waits_no_more(self, destination: str) -> None:
        """One of them has come to its end."""
        self.queued -= 1
        left = self._at.get(destination, 0) - 1
        if left > 0:
            self._at[destination] = left
        else:
            self._at.pop(destination, None)

    def wait_s(self) -> float:
        """0 when one more push is within the quota, which it then uses; else how long to wait."""
        rate = self.settings.pushes_per_s
        if not rate:
            return 0.0
        now = self._now()
        earned = (now - self._filled_at) * rate
        self._tokens = min(float(self.settings.burst), self._tokens + max(earned, 0.0))
        self._filled_at = now
        if self._tokens < 1:
            return (1 - self._tokens) / rate
        self._tokens -= 1
        return 0.0


class Organisations:
    """All of them, by name and by the names in certificates."""

    def __init__(self, settings: Iterable[OrganisationSettings], now: Callable[[], float]) -> None:
        self._now = now
        self._by_name: dict[str, Organisation] = {}
        self._by_certificate: dict[str, Organisation] = {}
        self.replace(settings)

    def replace(self, settings: Iterable[OrganisationSettings]) -> None:
        """Those of a new configuration; who stays keeps what it has used."""
        by_name, by_certificate = {}, {}
        for one in settings:
            found = self._by_name.get(one.name)
            if found is None:
                found = Organisation(one, self._now)
            else:
                found.change(one)
            by_name[one.name] = found
            for name in one.certificate_names:
                by_certificate[name] = found
        self._by_name, self._by_certificate = by_name, by_certificate

    def named(self, name: str) -> Organisation | None:
        return self._by_name.get(name)

    def of(self, certificate_names: Iterable[str]) -> Organisation | None:
        """Whose certificate has these names: None when it is nobody's, or more than one's."""
        found = {
            organisation.name: organisation
            for name in certificate_names
            if (organisation := self._by_certificate.get(name)) is not None
        }
        return next(iter(found.values())) if len(found) == 1 else None
