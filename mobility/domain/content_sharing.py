"""Sharing a screen or a program in a conversation, and working on documents together.

UCWA shows both and has no operation that begins either, so this is our own extension.  What is
shared flows between the clients as the media of calls do: this passes on how to get at it.  Who may
begin is a matter of roles (`mobility.domain.shared_content`) and policies (`CallPolicies`).
"""

import secrets
from functools import partial

import attrs

from mobility.domain.addresses import is_guest
from mobility.domain.agenda import Agenda
from mobility.domain.applications import Endpoint
from mobility.domain.call_policy import CallPolicies
from mobility.domain.content_states import (
    DOCUMENTS,
    SCREEN,
    VIEWING,
    Shared,
    Viewed,
    shared_state,
    view_after,
)
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversations import Conversations
from mobility.domain.descriptions import Description, decoded, encoded
from mobility.domain.ledger import Unit
from mobility.domain.records import ContentView, Leg, Receipt, SharedContent
from mobility.domain.shared_content import (
    end,
    may_begin,
    new_view,
    offer_to_all,
    sees,
    settle,
    tell,
    view_of,
)
from mobility.errors import Refusal

SCREEN_MEDIA = ("applicationsharing", "Video")
"""Media that carry a screen: the `applicationsharing` of [MS-SDPEXT], and video, as clients that
show a screen as video send it."""


@attrs.frozen(slots=True)
class Share:
    """What is to be shared: for a screen `offer` says how it is sent, `source_id` what it is."""

    operation_id: str = ""
    offer: Description | None = None
    source_id: str = ""
    content: str = attrs.field(repr=False, default="")


class ContentSharing:
    """What is shared in the active conversations."""

    def __init__(
        self, agenda: Agenda, conversations: Conversations, policies: CallPolicies
    ) -> None:
        self._agenda = agenda
        self._conversations = conversations
        self._policies = policies
        conversations.changes.append(self._follow)

    def load(self) -> None:
        """End what is shared by devices that are no more, after `Conversations.load`."""
        for conversation in self._conversations:
            screen = conversation.contents.get(SCREEN)
            if screen is not None and screen.device_id not in conversation.legs:
                self._agenda.at(0.0, partial(self._end_lost, conversation))

    async def share_screen(
        self,
        endpoint: Endpoint,
        conversation_id: str,
        share: Share,
        now: float,
        receipt: Receipt | None = None,
    ) -> SharedContent:
        """Begin to share a screen, take over from who does, or offer one's own anew.

        403 for an attendee of a meeting and where policy forbids it, 409 before the conversation is
        connected, 400 InvalidMediaDescription for an offer that carries no screen.
        """
        self._policies.must_allow(endpoint, (SCREEN,))
        description = share.offer
        if description is None or not any(
            one.open and one.medium in SCREEN_MEDIA for one in description.streams
        ):
            raise Refusal("BadRequest", "InvalidMediaDescription", "The offer carries no screen.")
        self._conversations.find(endpoint, conversation_id)
        async with self._conversations.lock(conversation_id):
            conversation, leg = self._conversations.find(endpoint, conversation_id)
            _must_see(leg)
            _must_begin(conversation, leg)
            before = conversation.contents.get(SCREEN)
            event = Shared.BEGUN
            if before is not None:
                same = before.device_id == endpoint.id
                event = Shared.OFFERED_ANEW if same else Shared.TAKEN_OVER
            draft, unit = conversation.draft(), Unit()
            content = _content(conversation, SCREEN, leg, share, event, now)
            content = attrs.evolve(
                content, offer=description.text, streams=encoded(description.streams)
            )
            if before is not None:
                end(draft, SCREEN)
            draft.contents[SCREEN] = content
            offer_to_all(draft, self._may_view)
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=content.id))
            await self._conversations.change(unit, conversation, draft)
            return content

    async def join_documents(
        self,
        endpoint: Endpoint,
        conversation_id: str,
        share: Share,
        now: float,
        receipt: Receipt | None = None,
    ) -> SharedContent:
        """Begin to work on documents together, or join those who do.

        403 for an attendee who would begin and where policy forbids it; 409 before the conversation
        is connected, AlreadyExists for who takes part already.
        """
        self._policies.must_allow(endpoint, (DOCUMENTS,))
        self._conversations.find(endpoint, conversation_id)
        async with self._conversations.lock(conversation_id):
            conversation, leg = self._conversations.find(endpoint, conversation_id)
            _must_see(leg)
            draft, unit = conversation.draft(), Unit()
            content = draft.contents.get(DOCUMENTS)
            if content is None:
                _must_begin(conversation, leg)
                content = _content(conversation, DOCUMENTS, leg, share, Shared.BEGUN, now)
                draft.contents[DOCUMENTS] = content
            known = view_of(conversation, DOCUMENTS, endpoint.id)
            if known is not None and known.state == VIEWING:
                raise Refusal("Conflict", "AlreadyExists", "The application takes part already.")
            if known is not None:
                del draft.views[known.id]
            view = new_view(draft, DOCUMENTS, leg, VIEWING)
            draft.views[view.id] = view
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=content.id))
            await self._conversations.change(unit, conversation, draft)
            return content

    async def stop(self, endpoint: Endpoint, conversation_id: str, modality: str) -> None:
        """Take no part in it any more: a screen is not shared, what others share not viewed.

        409 for who takes no part.
        """
        self._conversations.find(endpoint, conversation_id)
        async with self._conversations.lock(conversation_id):
            conversation, _ = self._conversations.find(endpoint, conversation_id)
            draft = conversation.draft()
            content = conversation.contents.get(modality)
            view = view_of(conversation, modality, endpoint.id)
            if content is not None and (modality, content.device_id) == (SCREEN, endpoint.id):
                shared_state(content, Shared.ENDED)
                end(draft, modality)
            elif view is not None and view.state == VIEWING:
                draft.views[view.id] = view_after(view, Viewed.LEFT)
            else:
                raise Refusal("Conflict", None, "The application takes no part in it.")
            await self._conversations.change(Unit(), conversation, draft)

    def find_offer(
        self, endpoint: Endpoint, conversation_id: str, offer_id: str
    ) -> tuple[ActiveConversation, Leg, ContentView] | None:
        """The offer of a screen that a device has made or got; None for none of this id."""
        conversation, leg = self._conversations.find(endpoint, conversation_id)
        view = conversation.views.get(offer_id)
        screen = conversation.contents.get(SCREEN)
        if view is None or view.modality != SCREEN or screen is None:
            return None
        if endpoint.id not in (view.device_id, screen.device_id):
            return None
        return conversation, leg, view

    async def answer(
        self, endpoint: Endpoint, conversation_id: str, offer_id: str, answer: Description
    ) -> None:
        """View the screen that is offered: who shares it gets the answer.

        404 without such an offer, 409 when it is one's own or was answered before, 403 where policy
        forbids it, 400 InvalidMediaDescription for an answer that does not fit.
        """
        self._policies.must_allow(endpoint, (SCREEN,))
        async with self._conversations.lock(conversation_id):
            conversation, view = self._offered(endpoint, conversation_id, offer_id)
            answer.must_answer(decoded(conversation.contents[SCREEN].streams))
            if not any(one.open and one.medium in SCREEN_MEDIA for one in answer.streams):
                raise Refusal("BadRequest", "InvalidMediaDescription", "The answer takes nothing.")
            after = attrs.evolve(view_after(view, Viewed.ANSWERED), answer=answer.text)
            await self._change(conversation, after)

    async def dismiss(
        self, endpoint: Endpoint, conversation_id: str, offer_id: str, subcode: str
    ) -> None:
        """Do not view the screen that is offered; who shares it is told `subcode`.

        404 without such an offer, 409 when it is one's own or was answered before.
        """
        async with self._conversations.lock(conversation_id):
            conversation, view = self._offered(endpoint, conversation_id, offer_id)
            after = attrs.evolve(view_after(view, Viewed.DISMISSED), reason=subcode)
            await self._change(conversation, after)

    def _offered(
        self, endpoint: Endpoint, conversation_id: str, offer_id: str
    ) -> tuple[ActiveConversation, ContentView]:
        found = self.find_offer(endpoint, conversation_id, offer_id)
        if found is None:
            raise Refusal("NotFound", "ResourceNotFound", "There is no such offer.")
        conversation, _, view = found
        if view.device_id != endpoint.id:
            raise Refusal("Conflict", None, "Who offers a screen does not answer the offer.")
        return conversation, view

    async def _change(self, conversation: ActiveConversation, view: ContentView) -> None:
        draft = conversation.draft()
        draft.views[view.id] = view
        await self._conversations.change(Unit(), conversation, draft)

    def _follow(self, unit: Unit, before: ActiveConversation, after: ActiveConversation) -> None:
        """A `Changing` of conversations."""
        settle(after, self._may_view)
        tell(unit, before, after, self._conversations.names_in(before))

    def _may_view(self, leg: Leg) -> bool:
        """Whether a device can view a screen; those of guests have no way to say so."""
        able = self._conversations.carries(leg.application_id, (SCREEN,))
        return able or is_guest(leg.user_uri)

    async def _end_lost(self, conversation: ActiveConversation, now: float) -> None:  # noqa: ARG002  # an Action
        """Nothing is shared any more by a device that is no more."""
        async with self._conversations.lock(conversation.id):
            if conversation.contents and conversation.record.state == "Active":
                await self._conversations.change(Unit(), conversation, conversation.draft())


def _content(
    conversation: ActiveConversation,
    modality: str,
    leg: Leg,
    share: Share,
    event: Shared,
    now: float,
) -> SharedContent:
    return SharedContent(
        conversation_id=conversation.id,
        modality=modality,
        id=secrets.token_hex(8),
        device_id=leg.application_id,
        user_uri=leg.user_uri,
        started_at=now,
        state=shared_state(conversation.contents.get(modality), event),
        operation_id=share.operation_id,
        source_id=share.source_id,
        content=share.content,
    )


def _must_see(leg: Leg) -> None:
    if not sees(leg):
        raise Refusal("Conflict", None, "The conversation is not connected.")


def _must_begin(conversation: ActiveConversation, leg: Leg) -> None:
    if not may_begin(conversation, leg):
        raise Refusal("Forbidden", None, "Only presenters may share in a meeting.")
