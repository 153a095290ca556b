"""The dialog event package (RFC 4235): which calls users are in, for the lamps of other phones.

Known are the calls that go through this system, and what a user's own phones publish.
"""

from collections.abc import Callable, Iterator, Sequence

import attrs

from mobility.domain.applications import Applications
from mobility.domain.conversations import Conversations
from mobility.domain.facts import CallChanged, ConversationChanged, Fact
from mobility.domain.ledger import Committed
from mobility.domain.lines import Device
from mobility.domain.phone_presence import PhonePresence
from mobility.domain.privacy import Privacy
from mobility.sip.dialog_info import CONTENT_TYPE, DialogInfo, DialogState
from mobility.sip.identity import Identity, Sender
from mobility.sip.notifications import Notifications
from mobility.sip.refusal import SipRefusal

DIALOG = "dialog"

INTERVAL_S = 1.0
"""RFC 4235 section 3.8."""

_STATES = {"Connecting": "proceeding", "Ringing": "early", "Connected": "confirmed"}


class CallsOfUsers:
    """The calls that users are in, by devices of this system and by what phones publish."""

    def __init__(
        self,
        applications: Applications,
        conversations: Conversations,
        phones: PhonePresence,
        changed: Callable[[str], None],
    ) -> None:
        self._applications = applications
        self._conversations = conversations
        self._phones = phones
        self._changed = changed
        self._published: dict[str, Sequence[DialogState]] = {}
        conversations.lines.listeners.append(self._heard)

    def of(self, uri: str) -> Iterator[DialogState]:
        """The calls of a user."""
        devices: list[Device] = [
            *self._applications.of_user(uri),
            *self._conversations.lines.of_user(uri),
        ]
        for device in devices:
            for conversation, leg in self._conversations.of(device):
                state = _STATES.get(leg.call)
                if state is not None:
                    call = conversation.call
                    calls = call is not None and call.caller_id == device.id
                    direction = "initiator" if calls else "recipient"
                    yield DialogState(f"{conversation.id}-{device.id}", state, direction)
        yield from self._published.get(uri, ())

    def publish(self, uri: str, contents: Sequence[DialogInfo]) -> None:
        """What the phones of a user publish is this now."""
        states = [
            attrs.evolve(dialog, id=f"{number}-{dialog.id}"[:256])
            for number, one in enumerate(contents)
            for dialog in one.dialogs
            if dialog.state != "terminated"
        ]
        if states:
            self._published[uri] = states
        else:
            self._published.pop(uri, None)
        self._phones.calling(uri, busy=any(one.state == "confirmed" for one in states))
        self._changed(uri)

    def gone(self, uri: str) -> None:
        """There is no such user any more."""
        self._published.pop(uri, None)

    def committed(self, committed: Committed) -> None:
        """A unit of work was stored: whose calls it has changed is told (a bus listener)."""
        for entry in committed.entries:
            endpoint = self._applications.find(entry.stream_id)
            if endpoint is not None:
                self._heard(endpoint.user_uri, entry.fact)

    def _heard(self, uri: str, fact: Fact) -> None:
        if isinstance(fact, CallChanged | ConversationChanged):
            self._changed(uri)


class DialogPackage:
    """Who may see a user's presence sees that it is in a call, and its own phones with whom."""

    name = DIALOG
    kind = CONTENT_TYPE
    interval_s = INTERVAL_S
    listed = True

    def __init__(self, identity: Identity, privacy: Privacy, calls: CallsOfUsers) -> None:
        self._identity = identity
        self._privacy = privacy
        self._calls = calls

    def check(self, uri: str, sender: Sender) -> None:  # noqa: ARG002  # a Package
        if not self._identity.is_there(uri):
            raise SipRefusal(404)

    def body(self, uri: str, watcher: str, version: int) -> bytes:
        dialogs: list[DialogState] = []
        if self._privacy.sight(uri, watcher).presence:
            dialogs = list(self._calls.of(uri))
        if uri != watcher:
            dialogs = [DialogState(one.id, one.state, one.direction) for one in dialogs]
        return bytes(DialogInfo(uri, version, dialogs=dialogs))


class DialogNews:
    """Tells watchers what has changed.  Memory follows the store in a moment, so they are told
    then: what is told is made when it is sent, in a later turn."""

    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications

    def changed(self, uri: str) -> None:
        self._notifications.changed(DIALOG, uri)
