"""Looks up what notifications say: badges, names and texts, at the moment they are sent."""

from collections.abc import Awaitable, Callable

from mobility.domain.devices import Devices
from mobility.domain.ledger import Archive
from mobility.domain.push_rules import BADGED, COUNT, DEVICE_GONE, MESSAGE, WITHDRAWAL
from mobility.domain.records import PushNotice
from mobility.push.content import TEXT, WAKE, notification
from mobility.push.wire import Notification

UNCHANGED = "badge unchanged"
"""Why there is nothing to say though there is a device."""

MOST_TOLD = 100_000
"""Devices of which it is remembered what their badge is (our choice: 10 MiB); of the others it is
told again."""


class Composer:
    """Makes notifications of rows of the outbox."""

    def __init__(
        self,
        devices: Devices,
        archive: Archive,
        badge: Callable[[str], Awaitable[int]],
        name_of: Callable[[str], str],
        content: str,
        epoch: Callable[[], float],
    ) -> None:
        """`badge` counts what a user has not read."""
        self._devices = devices
        self._archive = archive
        self._badge = badge
        self._name_of = name_of
        self._content = content
        self._epoch = epoch
        self._told: dict[str, tuple[int, str]] = {}
        """The badge that a device was told last, and by which notification.  It is not stored:
        after a restart nobody knows whether it arrived, and it is told once more."""

    async def __call__(self, notices: list[PushNotice]) -> list[Notification | str]:
        """One for each notice, or why there is nothing to say.  Raises Unavailable."""
        now = self._epoch()
        badges: dict[str, int] = {}
        for notice in notices:
            if notice.kind in BADGED and notice.user_uri not in badges:
                badges[notice.user_uri] = await self._badge(notice.user_uri)
        composed: list[Notification | str] = []
        for notice in notices:
            device = self._devices.known(notice.user_uri, notice.subscription_id, now)
            if device is None and notice.kind == WITHDRAWAL:
                device = self._devices.former(notice.user_uri, notice.subscription_id)
            if device is None:
                composed.append(DEVICE_GONE)
                continue
            if notice.kind in BADGED and self._knows(notice, badges[notice.user_uri]):
                composed.append(UNCHANGED)
                continue
            composed.append(
                notification(
                    notice,
                    device,
                    content=self._content,
                    badge=badges.get(notice.user_uri) if notice.kind in BADGED else None,
                    sender="" if self._content == WAKE else self._name_of(notice.from_uri),
                    text=await self._text(notice),
                )
            )
        return composed

    def lost(self, notice: PushNotice) -> None:
        """A notification is over that no provider has: its device was not told what it says."""
        told = self._told.get(notice.subscription_id)
        if told is not None and told[1] == notice.id:
            del self._told[notice.subscription_id]

    def _knows(self, notice: PushNotice, badge: int) -> bool:
        """Whether a notification brings nothing but the badge that its device has."""
        device_id = notice.subscription_id
        before = self._told.pop(device_id, None)
        known = before is not None and before[0] == badge and before[1] != notice.id
        if before is not None and known and notice.topic == COUNT:
            self._told[device_id] = before
            return True
        self._told[device_id] = badge, notice.id
        if len(self._told) > MOST_TOLD:
            del self._told[next(iter(self._told))]
        return False

    async def _text(self, notice: PushNotice) -> str:
        if self._content != TEXT or notice.kind != MESSAGE:
            return ""
        message = await self._archive.message(notice.conversation_id, notice.number)
        return "" if message is None else message.text
