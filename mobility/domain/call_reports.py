"""What clients report of the media of their calls, while they go on and shortly after."""

import secrets
from collections import OrderedDict

from mobility.domain.call import CallEnd
from mobility.domain.content_states import SCREEN, modalities_of
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversations import Conversations
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.lines import Device
from mobility.domain.records import CallReport
from mobility.errors import Refusal

MAX_REPORTS = 20
"""Reports of one device on one call (our choice: a client sends a few)."""

MAX_OVER = 10_000
"""Calls that are over and may still be reported on (our choice: some 5 MB)."""

AFTER_S = 600.0
"""For how long after its end a call may be reported on (our choice: clients do so at once)."""


class CallReports:
    """Takes reports, bounded for each call and device."""

    def __init__(self, ledger: Ledger, conversations: Conversations) -> None:
        self._ledger = ledger
        self._conversations = conversations
        self._over: OrderedDict[str, CallEnd] = OrderedDict()
        """Calls that are over, by conversation, the oldest first."""
        self._counts: dict[tuple[str, str], int] = {}
        conversations.call_endings.append(self._remember)
        conversations.changes.append(self._forget_screen)

    async def report(
        self,
        device: Device,
        conversation_id: str,
        kind: str,
        now: float,
        *,
        endpoint: str = "",
        code: str = "",
        subcode: str = "",
        body: str = "",
    ) -> CallReport:
        """Store a report on the call of a conversation.

        Without a call it is of the screen that the device shares or views.  404 for a conversation
        in which the device has and had neither; 409 LimitExceeded above the
        bound.
        """
        call_id = self._call_of(device, conversation_id, now)
        key = call_id, device.id
        if self._counts.get(key, 0) >= MAX_REPORTS:
            raise Refusal("Conflict", "LimitExceeded", "Enough was reported on this call.")
        report = CallReport(
            secrets.token_hex(8),
            call_id,
            device.user_uri,
            kind,
            now,
            endpoint,
            code,
            subcode,
            body,
        )
        self._counts[key] = self._counts.get(key, 0) + 1
        unit = Unit()
        unit.save(report)
        await self._ledger.commit(unit)
        return report

    def _call_of(self, device: Device, conversation_id: str, now: float) -> str:
        self._forget_old(now)
        if conversation_id in device.conversations:
            conversation, leg = self._conversations.find(device, conversation_id)
            part = conversation.parts.get(device.id)
            if part is not None:
                return part.call_id
            if conversation.call is not None and leg.call != "Disconnected":
                return conversation.call.id
            screen = conversation.contents.get(SCREEN)
            if screen is not None and SCREEN in modalities_of(
                conversation.contents, conversation.views, device.id
            ):
                return screen.id
        end = self._over.get(conversation_id)
        if end is not None and device.id in (end.call.caller_id, end.call.callee_id):
            return end.call.id
        raise Refusal("NotFound", "ResourceNotFound", "There is and was no call here.")

    def _forget_screen(
        self,
        unit: Unit,  # noqa: ARG002  # a Changing
        before: ActiveConversation,
        after: ActiveConversation,
    ) -> None:
        screen = before.contents.get(SCREEN)
        if screen is not None and after.contents.get(SCREEN) is not screen:
            for device_id in before.legs:
                self._counts.pop((screen.id, device_id), None)

    def _remember(self, unit: Unit, end: CallEnd) -> None:  # noqa: ARG002  # a CallEnding
        self._over[end.conversation.id] = end
        self._over.move_to_end(end.conversation.id)
        self._forget_old(end.call.ended_at)

    def _forget_old(self, now: float) -> None:
        while self._over:
            conversation_id, end = next(iter(self._over.items()))
            if end.call.ended_at + AFTER_S > now and len(self._over) <= MAX_OVER:
                return
            del self._over[conversation_id]
            for device_id in (end.call.caller_id, end.call.callee_id):
                self._counts.pop((end.call.id, device_id), None)
