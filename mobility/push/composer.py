"""Looks up what notifications say: badges, names and texts, at the moment they are sent."""

from collections.abc import Awaitable, Callable

from mobility.domain.devices import Devices
from mobility.domain.ledger import Archive
from mobility.domain.push_rules import BADGE, MESSAGE, MISSED_CALL, VOICEMAIL
from mobility.domain.records import PushNotice
from mobility.push.content import TEXT, WAKE, notification
from mobility.push.wire import Notification

BADGED = (MESSAGE, MISSED_CALL, VOICEMAIL, BADGE)
"""What changes how much is unread."""


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

    async def __call__(self, notices: list[PushNotice]) -> list[Notification | None]:
        """One for each notice, None where the device is gone.  Raises Unavailable."""
        now = self._epoch()
        badges: dict[str, int] = {}
        for notice in notices:
            if notice.kind in BADGED and notice.user_uri not in badges:
                badges[notice.user_uri] = await self._badge(notice.user_uri)
        composed: list[Notification | None] = []
        for notice in notices:
            device = self._devices.known(notice.user_uri, notice.subscription_id, now)
            if device is None:
                composed.append(None)
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

    async def _text(self, notice: PushNotice) -> str:
        if self._content != TEXT or notice.kind != MESSAGE:
            return ""
        message = await self._archive.message(notice.conversation_id, notice.number)
        return "" if message is None else message.text
