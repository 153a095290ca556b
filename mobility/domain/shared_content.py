"""What is shared in a conversation, as those in it see it, and what a change of it tells them.

A change is told by comparing the conversation before with the one after: whatever ends a share,
from who stops it to the end of the meeting, is told alike.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping

import attrs

from mobility.domain.content_states import (
    DISCONNECTED,
    DISMISSED,
    DOCUMENTS,
    OFFERED,
    SCREEN,
    VIEWING,
    modalities_of,
)
from mobility.domain.conversation import CONFERENCED, ActiveConversation, NameOf
from mobility.domain.descriptions import RECEIVE_ONLY, SEND_ONLY, SEND_RECEIVE
from mobility.domain.facts import (
    ContentChanged,
    ContentOffered,
    ConversationChanged,
    ParticipantContentChanged,
    SharerChanged,
)
from mobility.domain.ledger import Unit
from mobility.domain.lines import is_line
from mobility.domain.records import ContentView, Leg

MODALITIES = (SCREEN, DOCUMENTS)

OVER = ("RemoteFailure", "CallTerminated", "The screen is not shared any more.")
"""Why an offer to view a screen came to nothing when nobody answered it."""

Part = tuple[str, str]
"""Modality and URI of somebody's part in shared content."""


def sees(leg: Leg | None) -> bool:
    """Whether a leg sees what is shared: it is in the conversation, with an application."""
    return (
        leg is not None
        and leg.state in ("Connected", CONFERENCED)
        and not is_line(leg.application_id)
    )


def may_begin(conversation: ActiveConversation, leg: Leg) -> bool:
    """Whether a user's role lets it begin to share: both of two parties, in a meeting its
    presenters, which are UCWA's leaders."""
    return sees(leg) and (not conversation.is_conference or conversation.leads(leg.user_uri))


def settle(conversation: ActiveConversation, may_view: Callable[[Leg], bool]) -> None:
    """Let what is shared in a draft follow who is in it.

    A screen is not shared any more when who shows it has gone or may not share now; documents when
    nobody works on them.  Who came in is offered the screen if `may_view` says so.
    """
    legs = conversation.legs
    for key, view in list(conversation.views.items()):
        if not sees(legs.get(view.device_id)) or view.modality not in conversation.contents:
            del conversation.views[key]
    screen = conversation.contents.get(SCREEN)
    if screen is not None:
        leg = legs.get(screen.device_id)
        if leg is None or not may_begin(conversation, leg):
            end(conversation, SCREEN)
        else:
            offer_to_all(conversation, may_view)
    if DOCUMENTS in conversation.contents and not any(
        one.modality == DOCUMENTS and one.state == VIEWING for one in conversation.views.values()
    ):
        end(conversation, DOCUMENTS)


def end(conversation: ActiveConversation, modality: str) -> None:
    """Nothing is shared in this modality of a draft any more."""
    del conversation.contents[modality]
    for key, view in list(conversation.views.items()):
        if view.modality == modality:
            del conversation.views[key]


def offer_to_all(conversation: ActiveConversation, may_view: Callable[[Leg], bool]) -> None:
    """Offer the shared screen to each device that was not offered it yet and can view it."""
    screen = conversation.contents[SCREEN]
    known = {one.device_id for one in conversation.views.values() if one.modality == SCREEN}
    for leg in conversation.legs.values():
        device_id = leg.application_id
        new = device_id not in known and device_id != screen.device_id
        if new and sees(leg) and may_view(leg):
            view = new_view(conversation, SCREEN, leg, OFFERED)
            conversation.views[view.id] = view


def new_view(conversation: ActiveConversation, modality: str, leg: Leg, state: str) -> ContentView:
    """A part that begins of a device in what is shared."""
    return ContentView(
        id=secrets.token_hex(8),
        content_id=conversation.contents[modality].id,
        conversation_id=conversation.id,
        modality=modality,
        device_id=leg.application_id,
        user_uri=leg.user_uri,
        state=state,
    )


def view_of(conversation: ActiveConversation, modality: str, device_id: str) -> ContentView | None:
    """What a device has to do with what somebody else shares, None for nothing."""
    return next(
        (
            one
            for one in conversation.views.values()
            if (one.modality, one.device_id) == (modality, device_id)
        ),
        None,
    )


def content_fact(
    conversation: ActiveConversation, leg: Leg, modality: str, name_of: NameOf
) -> ContentChanged:
    """A modality of shared content as `leg`'s application has it now."""
    content = conversation.contents.get(modality)
    may_start = may_begin(conversation, leg)
    if content is None:
        return ContentChanged(conversation.id, modality, DISCONNECTED, may_start=may_start)
    mine = modality in modalities_of(conversation.contents, conversation.views, leg.application_id)
    screen = modality == SCREEN
    return ContentChanged(
        conversation.id,
        modality,
        content.state,
        sharer_uri=content.user_uri if screen else "",
        sharer_name=name_of(content.user_uri) if screen else "",
        may_start=may_start if screen else not mine,
        may_stop=mine,
        content=content.content,
    )


def parts_of(conversation: ActiveConversation) -> dict[Part, str]:
    """The direction of each participant's part in what is shared, "" for documents."""
    found: dict[Part, str] = {}
    for view in conversation.views.values():
        if view.state == VIEWING:
            found[view.modality, view.user_uri] = RECEIVE_ONLY if view.modality == SCREEN else ""
    screen = conversation.contents.get(SCREEN)
    if screen is not None:
        own = SCREEN, screen.user_uri
        found[own] = SEND_RECEIVE if own in found else SEND_ONLY
    return found


def part_fact(
    conversation: ActiveConversation,
    part: Part,
    direction: str,
    change: str,
    name_of: NameOf,
    *,
    local: bool,
) -> ParticipantContentChanged:
    """What is told of a participant's part; `local` is the reader's own."""
    modality, uri = part
    screen = conversation.contents.get(modality)
    shows = screen is not None and screen.user_uri == uri and bool(direction)
    return ParticipantContentChanged(
        conversation.id,
        modality,
        uri,
        name_of(uri),
        local,
        change,
        direction=direction,
        source_id=screen.source_id if screen is not None and shows else "",
    )


def offer_fact(
    conversation: ActiveConversation,
    view: ContentView,
    leg: Leg,
    change: str,
    reason: tuple[str, str, str] | None = None,
) -> ContentOffered:
    """What `leg`, who shares a screen or is offered to view it, is told of the offer."""
    screen = conversation.contents[SCREEN]
    if change == "completed" and view.state == DISMISSED:
        reason = ("RemoteFailure", view.reason, "The offer was dismissed.")
    outgoing = leg.application_id != view.device_id
    return ContentOffered(
        change,
        view.id,
        conversation.id,
        "Outgoing" if outgoing else "Incoming",
        operation_id=screen.operation_id if outgoing else "",
        offer="" if outgoing else screen.offer,
        answer=view.answer if outgoing else "",
        state=view.state,
        session=leg.call == "Connected" and not leg.by_phone,
        reason=reason,
    )


def tell(
    unit: Unit, before: ActiveConversation, after: ActiveConversation, name_of: NameOf
) -> None:
    """Tell everybody what a change of the conversation means for what is shared in it.

    Who goes is told first, as is who stays of what is over; who has come is told last.
    """
    if not before.contents and not after.contents:
        for leg in after.legs.values():
            _tell_role(unit, before, after, leg, name_of)
        return
    news = _News(before, after, name_of)
    over, begun = Unit(), Unit()
    for key, leg in before.legs.items():
        if sees(leg):
            news.tell_over(over, leg, stays=sees(after.legs.get(key)))
    for key, leg in after.legs.items():
        if sees(leg):
            news.tell_begun(begun, leg, stayed=sees(before.legs.get(key)))
    unit.entries[:0] = over.entries
    unit.entries += begun.entries


def _tell_role(
    unit: Unit, before: ActiveConversation, after: ActiveConversation, leg: Leg, name_of: NameOf
) -> None:
    """The user of `leg` may begin to share now, or may not any more."""
    old = before.legs.get(leg.application_id)
    if old is None or not sees(old) or not sees(leg):
        return
    if may_begin(before, old) != may_begin(after, leg):
        for modality in MODALITIES:
            unit.append(leg.application_id, content_fact(after, leg, modality, name_of))


class _News:
    """What is otherwise after a change than before it; computed once, and told to many."""

    def __init__(
        self, before: ActiveConversation, after: ActiveConversation, name_of: NameOf
    ) -> None:
        self._before, self._after, self._name_of = before, after, name_of
        self._parts = parts_of(after)
        old = parts_of(before)
        self._gone = [part for part in old if part not in self._parts]
        self._changed: list[tuple[Part, str]] = []
        for part, direction in self._parts.items():
            if part not in old:
                self._changed.append((part, "added"))
            elif old[part] != direction or self._is_anew(part):
                self._changed.append((part, "updated"))
        self._shared: dict[tuple[Part, str], ParticipantContentChanged] = {}
        self._sharer: SharerChanged | None = None
        self._old_views = _by_device(before.views)
        self._views = _by_device(after.views)

    def tell_over(self, unit: Unit, leg: Leg, *, stays: bool) -> None:
        """What is over for `leg`, which goes unless it `stays`."""
        stream, before, after = leg.application_id, self._before, self._after
        for view in self._offers(self._old_views, before, leg):
            if view.id not in after.views and view.state == OFFERED:
                unit.append(stream, offer_fact(before, view, leg, "completed", OVER))
        for part in self._gone if stays else self._own(leg):
            fact = self._part(leg, part, "deleted")
            unit.append(stream, fact, shared=not fact.local)
        if stays:
            return
        screen = before.contents.get(SCREEN)
        if screen is not None:
            self._tell_sharer(unit, leg, "deleted", screen.user_uri)
        for modality in before.contents:
            unit.append(stream, ContentChanged(before.id, modality, DISCONNECTED))

    def tell_begun(self, unit: Unit, leg: Leg, *, stayed: bool) -> None:
        """What `leg` sees anew: everything, unless it `stayed` from before."""
        stream, before, after = leg.application_id, self._before, self._after
        old, new = before.contents.get(SCREEN), after.contents.get(SCREEN)
        if stayed and old is not None and new is None:
            self._tell_sharer(unit, leg, "deleted", old.user_uri)
        for modality in MODALITIES:
            fact = content_fact(after, leg, modality, self._name_of)
            known = None
            if stayed:
                known = content_fact(before, before.legs[stream], modality, self._name_of)
            if fact != known and (stayed or modality in after.contents):
                unit.append(stream, fact)
        if new is not None:
            if not stayed or old is None:
                self._tell_sharer(unit, leg, "added", new.user_uri)
            elif old.user_uri != new.user_uri:
                self._tell_sharer(unit, leg, "updated", new.user_uri)
        told = self._changed if stayed else [(part, "added") for part in self._parts]
        for part, change in told:
            part_told = self._part(leg, part, change)
            unit.append(stream, part_told, shared=not part_told.local)
        if stayed and _mine(before, leg) != _mine(after, leg):
            unit.append(stream, ConversationChanged("updated", after.snapshot(leg)))
        for view in self._offers(self._views, after, leg):
            known_view = before.views.get(view.id)
            if known_view is None:
                unit.append(stream, offer_fact(after, view, leg, "started"))
            elif known_view.state == OFFERED != view.state:
                unit.append(stream, offer_fact(after, view, leg, "completed"))

    def _offers(
        self,
        views: Mapping[str, list[ContentView]],
        conversation: ActiveConversation,
        leg: Leg,
    ) -> Iterator[ContentView]:
        """The offers of a screen that `leg` has made or got."""
        screen = conversation.contents.get(SCREEN)
        if screen is None:
            return
        if screen.device_id != leg.application_id:
            yield from views.get(leg.application_id, ())
            return
        for of_device in views.values():
            yield from of_device

    def _own(self, leg: Leg) -> list[Part]:
        return [(modality, leg.user_uri) for modality in _mine(self._before, leg)]

    def _is_anew(self, part: Part) -> bool:
        """Whether somebody shows another source than before."""
        old, new = self._before.contents.get(SCREEN), self._after.contents.get(SCREEN)
        if old is None or new is None or part != (SCREEN, new.user_uri):
            return False
        return old.source_id != new.source_id

    def _part(self, leg: Leg, part: Part, change: str) -> ParticipantContentChanged:
        local = part[1] == leg.user_uri
        fact = self._shared.get((part, change))
        if fact is None:
            where = self._before if change == "deleted" else self._after
            direction = "" if change == "deleted" else self._parts[part]
            fact = part_fact(where, part, direction, change, self._name_of, local=False)
            self._shared[part, change] = fact
        return attrs.evolve(fact, local=True) if local else fact

    def _tell_sharer(self, unit: Unit, leg: Leg, change: str, uri: str) -> None:
        if self._sharer is None or (self._sharer.change, self._sharer.uri) != (change, uri):
            self._sharer = SharerChanged(self._after.id, change, uri, self._name_of(uri))
        unit.append(leg.application_id, self._sharer, shared=True)


def _mine(conversation: ActiveConversation, leg: Leg) -> tuple[str, ...]:
    return modalities_of(conversation.contents, conversation.views, leg.application_id)


def _by_device(views: Mapping[str, ContentView]) -> dict[str, list[ContentView]]:
    found: dict[str, list[ContentView]] = {}
    for view in views.values():
        if view.modality == SCREEN:
            found.setdefault(view.device_id, []).append(view)
    return found
