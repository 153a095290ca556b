"""What is kept for users while they are away, wired together: history and devices."""

from collections.abc import Callable, Iterator
from functools import partial

from mobility.config import Config
from mobility.config.services import DAY_S
from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications
from mobility.domain.conversations import Conversations
from mobility.domain.devices import Devices
from mobility.domain.dispositions import Dispositions
from mobility.domain.history import History
from mobility.domain.ledger import Ledger, Snapshot, Unit
from mobility.domain.message_states import MessageStates
from mobility.domain.reach import Reach
from mobility.domain.records import PushNotice, User
from mobility.domain.unread import Unread
from mobility.domain.users import Users
from mobility.store.archive import SqliteArchive
from mobility.ucwa.events import EventChannels
from mobility.ucwa.idempotency import RECEIPT_LIFE_S

PURGE_INTERVAL_S = 600.0
"""How often expired tokens, old receipts and the past that nobody needs leave the store (our
choice)."""


class Past:
    """The history and devices of a front end; all is there once it follows the conversations."""

    unread: Unread
    devices: Devices
    dispositions: Dispositions
    states: MessageStates

    def __init__(
        self,
        ledger: Ledger,
        archive: SqliteArchive,
        users: Users,
        applications: Applications,
        reach: Reach,
        config: Config,
        epoch: Callable[[], float],
    ) -> None:
        self._epoch = epoch
        self._ledger = ledger
        self._archive = archive
        self._applications = applications
        self._config = config
        self.history = History(
            ledger, archive, users, applications, reach, config.history.conversation_history
        )

    def follow(self, conversations: Conversations, agenda: Agenda, stored: Snapshot) -> None:
        """Remember what ends of these conversations from now on."""
        self._conversations = conversations
        conversations.partings.append(self.history.parted)
        conversations.call_endings.append(self.history.called)
        self.unread = Unread(
            self._ledger, self._archive, self._applications, conversations, self.history
        )
        self.unread.load(stored.read_marks, stored.last_said, stored.left)
        self.dispositions = Dispositions(self._ledger, agenda, conversations, self.unread.mark)
        self.dispositions.load(stored.disposition_requests, stored.delivery_marks)
        self.unread.readers.append(self.dispositions.changed)
        settings = self._config.devices
        self.devices = Devices(
            self._ledger,
            settings.subscription_lifetime_s,
            settings.subscriptions_per_user,
            stored.push_subscriptions,
        )

    def hear(self, channels: EventChannels) -> None:
        """Know from now on what applications have received."""
        self.states = MessageStates(self._archive, self._applications, channels.received)
        self.dispositions.states = self.states
        channels.confirmed = self.dispositions.changed

    async def receipt(self, notice: PushNotice) -> str:
        """Whether who was to be woken for a message has it, or has read it, as far as is known
        while the conversation goes on (`mobility.domain.message_states`)."""
        conversation = self._conversations.get(notice.conversation_id)
        if conversation is None or not notice.number:
            return ""
        return await self.states.receipt(conversation, notice.user_uri, notice.number)

    async def purge(self) -> None:
        """Forget what is old, and what nobody needs any more."""
        now, settings = self._epoch(), self._config.history
        await self._archive.purge(now, RECEIPT_LIFE_S)
        await self._archive.purge_history(now, settings.days * DAY_S, settings.per_user)
        await self.devices.used(partial(self._seen, now), now)
        await self.devices.purge(now)

    def _seen(self, now: float, uri: str) -> Iterator[tuple[str, float]]:
        """When a request of each of a user's applications came last; one that waits for its
        events is there."""
        for endpoint in self._applications.of_user(uri):
            yield endpoint.record.endpoint_id, now if endpoint.parked else endpoint.last_seen

    async def drop_receipts(self, user: User, unit: Unit) -> Callable[[], None]:
        """A user is removed: its repeated requests are known no longer (a Farewell)."""
        unit.remove(*await self._archive.receipts(user.uri))
        return lambda: None
