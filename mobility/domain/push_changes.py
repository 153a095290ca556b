"""What a unit of work does to the notifications of the outbox: memory follows when it is stored."""

import secrets
from collections.abc import Callable

import attrs

from mobility.domain.push_notices import ACCEPTED, WAITING, Draft, Hops, Kept, Wake, remember
from mobility.domain.push_rules import (
    AGGREGATED_S,
    BADGE,
    CALL,
    DISMISSED,
    MEETING,
    TEST,
    WITHDRAWAL,
    WITHDRAWAL_S,
    PushSettings,
    is_loud,
)
from mobility.domain.push_shelf import Shelf
from mobility.domain.push_states import Noticed, notice_after, renewed
from mobility.domain.records import PushNotice


class PushChanges:
    """Puts changes of notifications into units of work, and into memory once those are stored."""

    def __init__(
        self, shelf: Shelf, settings: PushSettings, hops: Hops, added: Callable[[], None]
    ) -> None:
        """`added` is called once there is one more."""
        self._shelf = shelf
        self._settings = settings
        self._hops = hops
        self._added = added

    def grace_s(self, wake: Wake) -> float:
        """How long the applications of the user may fetch what happened first."""
        if not wake.near:
            return 0.0
        return self._settings.grace_s + (AGGREGATED_S if wake.slowly else 0.0)

    def extend(self, draft: Draft, kept: Kept, wake: Wake, expires_at: float) -> str:
        """A notification that waits stands for another message as well."""
        notice = kept.notice
        after = attrs.evolve(
            notice,
            number=max(notice.number, wake.number),
            from_uri=wake.from_uri,
            expires_at=expires_at,
            changed_at=draft.now,
        )
        draft.unit.save(after)
        draft.touch(kept)

        def effect() -> None:
            remember(kept, wake, draft.now + self.grace_s(wake))
            if kept.gone:  # it ended meanwhile: what is stored now is new
                self._shelf.insert(Kept(after, kept.said[-1:]))
            elif after.first <= kept.notice.first:
                kept.notice = after
            else:
                kept.notice = attrs.evolve(after, first=kept.notice.first)
            self._hops.passed("extended", after)

        draft.effects.append(effect)
        return notice.id

    def add(self, draft: Draft, notice: PushNotice, wake: Wake | None) -> None:
        """A device is to be told something: what `wake` says, None where nothing new happened."""
        if len(self._shelf) >= self._settings.capacity:
            self._make_room(draft)
        draft.unit.save(notice)

        def effect() -> None:
            kept = Kept(notice)
            if wake is not None:
                remember(kept, wake, draft.now + self.grace_s(wake))
            self._shelf.insert(kept)
            self._hops.passed("queued", notice, notice.rule)
            self._added()

        draft.effects.append(effect)

    def _make_room(self, draft: Draft) -> None:
        """What was shown longest is forgotten, else the least that waits."""
        for kept in self._shelf.victims():
            if not (kept.planned or kept.taken or kept.gone):
                self.end(draft, kept, "too many notifications")
                return

    def accept(self, draft: Draft, kept: Kept) -> None:
        """The clearing house has it: what it replaces on the screen is over."""
        notice = attrs.evolve(kept.notice, handed_at=draft.now, attempts=kept.attempts)
        if kept.cleared:
            self.clear(draft, kept, kept.cleared, notice)
            return
        after = notice_after(notice, Noticed.TAKEN, draft.now)
        for other in self._shelf.rivals(notice):
            if other is not kept and other.notice.state != WAITING:
                self.end(draft, other, "replaced")
        self.advance(draft, kept, after, "handed")

    def clear(
        self, draft: Draft, kept: Kept, reason: str, notice: PushNotice | None = None
    ) -> None:
        """What may be on a screen goes: the device is told silently under the same topic."""
        shown = notice or kept.notice
        self.end(draft, kept, reason, notice=shown)
        if shown.kind == TEST:
            return
        rings, dismissed = shown.kind in (CALL, MEETING), reason in DISMISSED
        kind = WITHDRAWAL if rings or dismissed else BADGE
        life_s = WITHDRAWAL_S if rings else self._settings.badge_lifetime_s
        if dismissed:  # as long as it may still be sent
            life_s = shown.expires_at - draft.now
        silent = attrs.evolve(
            renewed(shown, secrets.token_hex(16), draft.now),
            kind=kind,
            expires_at=draft.now + life_s,
            rule=f"{kind}: {reason}",
        )
        self.add(draft, silent, None)

    def end(
        self,
        draft: Draft,
        kept: Kept,
        reason: str,
        *,
        hop: str = "ended",
        notice: PushNotice | None = None,
    ) -> None:
        """It is over for `reason`; `notice` is what is known of it by now, if that is more."""
        over = notice_after(notice or kept.notice, Noticed.OVER, draft.now)
        attempts = max(over.attempts, kept.attempts)
        after = attrs.evolve(over, reason=reason, attempts=attempts)
        draft.unit.save(after)
        draft.touch(kept)

        def effect() -> None:
            if not kept.gone:
                self._shelf.forget(kept)
                self._hops.passed(hop, after, reason)

        draft.effects.append(effect)

    def revoke(self, draft: Draft, kept: Kept, reason: str) -> None:
        """Nothing is for this device any more: what is on its way is taken back, as far as the
        clearing house still has it, and the rest is over."""
        if kept.notice.kind == WITHDRAWAL:
            return  # it does so itself
        if not is_loud(kept.notice.kind):
            self.end(draft, kept, reason)
        elif kept.taken:
            self.clear_later(draft, kept, reason)
        elif kept.notice.state == ACCEPTED:
            self.clear(draft, kept, reason)
        else:
            self.end(draft, kept, reason)

    def clear_later(self, draft: Draft, kept: Kept, reason: str) -> None:
        """It is under way, and what it says is known: once that is over, it is taken back."""
        after = attrs.evolve(kept.notice, reason=reason)
        draft.unit.save(after)
        draft.touch(kept)
        before, kept.cleared = kept.cleared, reason

        def effect() -> None:
            if not kept.gone and kept.notice.state == WAITING:
                kept.notice = after

        def undo() -> None:
            kept.cleared = before

        draft.effects.append(effect)
        draft.undoing.append(undo)

    def advance(self, draft: Draft, kept: Kept, after: PushNotice, hop: str) -> None:
        """It was handed over, or a provider has it."""
        draft.unit.save(after)
        draft.touch(kept)

        def effect() -> None:
            if not kept.gone:
                self._shelf.handed(kept, after)
                self._hops.passed(hop, after)

        draft.effects.append(effect)
