"""The event channel in whole conversations with a client that keeps a ledger."""

from collections.abc import Sequence

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from mobility.ucwa.channel import (
    BATCH_ENTRIES,
    ORIGIN,
    Action,
    Answer,
    Channel,
    Cursor,
    Fetch,
    Pending,
    Priority,
    Refuse,
    Resend,
    Resync,
)
from tests.ucwa.test_channel import HIGH, LOW, entry

Link = tuple[int, Cursor | None]


@attrs.define(eq=False)
class Get:
    """A P-GET of the model client and the link it was sent on."""

    link: Link
    answered: bool = False


@attrs.frozen
class Body:
    """A rendered answer: entries, and each presence told with its number at that moment."""

    number: int
    since: Cursor
    cursor: Cursor
    events: tuple[Pending, ...]
    presence: dict[str, int]


WATCHED = ("alice", "bob", "carol")


class Conversation(RuleBasedStateMachine):
    """A client, a network that loses and delays, and a server whose channel forgets.

    The client goes on from a reply only when it answers the link the client is at, as a client
    must that sent a request twice.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        # the store
        self.log: list[Pending] = []  # everything ever committed
        self.trimmed = 0
        self.numbers = dict.fromkeys(WATCHED, 0)
        self.counter = 0
        # the server
        self.told = 0  # the last position the channel was told of
        self.reads: list[Fetch] = []
        self.renders = True  # whether the next answer becomes a reply
        self.channel = Channel()
        self.met: Link | None = None  # the client's link, once this channel has answered or parked
        # the network
        self.flying: list[tuple[Get, dict[str, int]]] = []
        self.replies: list[tuple[Get, Body | Resync | Refuse]] = []
        # the client
        self.link: Link = (1, None)
        self.seen: dict[str, int] = dict.fromkeys(WATCHED, 0)
        self.open: list[Get] = []

    # -- the server's adapter

    def perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Fetch):
                assert action.after >= self.trimmed, "a read of what was trimmed"
                self.reads.append(action)
                continue
            get = action.request
            assert isinstance(get, Get)
            assert not get.answered, "a request answered twice"
            get.answered = True
            if isinstance(action, Answer) and self.renders:
                above = action.since.number
                told = {who: n for who, n in self.numbers.items() if n > above}
                presence = told if action.cursor.number > above else {}
                body = Body(
                    action.number, action.since, action.cursor, tuple(action.events), presence
                )
                self.channel.sent(action.number, body)
                self.replies.append((get, body))
            elif isinstance(action, Resend):
                assert isinstance(action.body, Body)
                self.replies.append((get, action.body))
            elif isinstance(action, Answer):
                self.renders = True
            else:
                self.replies.append((get, action))

    def serve(self, get: Get, options: dict[str, int]) -> None:
        actions = self.channel.poll(self.now, *get.link, get, **options)
        if get.link == self.link and not any(isinstance(action, Resync) for action in actions):
            self.met = self.link
        self.perform(actions)

    def begin(self) -> None:
        """A channel that remembers nothing."""
        self.channel = Channel(Cursor(self.trimmed, 0), len(self.log), self.counter)
        self.channel.presence_changed(self.now, max(self.numbers.values()))
        self.told = len(self.log)
        self.reads.clear()
        self.met = None

    def at(self) -> Cursor:
        """What the client has received."""
        return self.link[1] or ORIGIN

    # -- what happens in the domain

    @rule(
        priorities=st.lists(st.sampled_from(Priority), min_size=1, max_size=3),
        about=st.sampled_from([None, "x", "y"]),
        bus=st.integers(0, 7),
    )
    def commit(self, priorities: list[Priority], about: str | None, bus: int) -> None:
        """Entries are committed; now and then the bus loses what tells of them."""
        for priority in priorities:
            pending = entry(len(self.log) + 1, priority, about)
            self.log.append(pending)
            if bus:
                self.told = pending.position
                self.perform(self.channel.arrived(self.now, pending))

    @precondition(lambda self: len(self.log) < BATCH_ENTRIES)
    @rule(count=st.integers(BATCH_ENTRIES - 10, BATCH_ENTRIES + 30))
    def burst(self, count: int) -> None:
        self.commit([LOW] * count, None, 1)

    @rule(who=st.sampled_from(WATCHED))
    def change_presence(self, who: str) -> None:
        self.counter += 2  # others, who are not watched, change too
        self.numbers[who] = self.counter
        self.channel.presence_changed(self.now, self.counter)

    @rule()
    def trim(self) -> None:
        self.trimmed = self.channel.confirmed.position

    # -- what happens to the server

    @precondition(lambda self: self.reads)
    @rule(data=st.data(), works=st.integers(0, 4), ahead=st.booleans())
    def read(self, data: st.DataObject, works: int, ahead: bool) -> None:
        """The store answers, with or without what was committed since it was asked."""
        fetch = self.reads.pop(data.draw(st.integers(0, len(self.reads) - 1)))
        self.finish(fetch, bool(works), ahead)

    def finish(self, fetch: Fetch, works: bool, ahead: bool) -> None:
        if not works:
            self.perform(self.channel.unreadable(self.now, fetch))
            return
        reach = len(self.log) if ahead else fetch.upto
        found = [p for p in self.log[self.trimmed : reach] if p.position > fetch.after]
        self.perform(self.channel.fetched(self.now, fetch, found[: fetch.limit]))

    @rule(seconds=st.sampled_from([0.5, 3.0, 6.0, 20.0, 200.0]))
    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.channel.next_wakeup) is not None and due <= until:
            self.now = max(self.now, due)
            self.perform(self.channel.tick(self.now))
        self.now = until

    @rule()
    def restart(self) -> None:
        """The process is killed: requests die; replies that left may still come in."""
        self.flying.clear()
        self.begin()

    @precondition(lambda self: self.channel.next_wakeup is None and not self.reads)
    @rule()
    def forget(self) -> None:
        """A channel with nothing parked is thrown away; requests go on coming in."""
        self.begin()

    @rule()
    def fail_to_render(self) -> None:
        self.renders = False

    @rule()
    def drain(self) -> None:
        self.perform(self.channel.drain(self.now))

    # -- what the client and the network do

    @rule(
        delayed=st.booleans(),
        options=st.fixed_dictionaries(
            {},
            optional={
                "low": st.sampled_from([5, 60, 1800]),
                "medium": st.sampled_from([5, 60, 1800]),
                "timeout": st.sampled_from([180, 1800]),
                "priority": st.integers(0, 2),
            },
        ),
    )
    def get(self, delayed: bool, options: dict[str, int]) -> None:
        """The client sends a P-GET on its link, perhaps once more."""
        get = Get(self.link)
        self.open.append(get)
        if delayed:
            self.flying.append((get, options))
        else:
            self.serve(get, options)

    @rule(times=st.integers(1, 4))
    def go_on(self, times: int) -> None:
        """The ordinary course: the client asks, something is there or happens, the reply comes."""
        for _ in range(times):
            get = Get(self.link)
            self.open.append(get)
            self.serve(get, {})
            while self.reads:
                self.finish(self.reads.pop(), True, True)
            if not get.answered:
                self.commit([HIGH], "x", 1)
            if self.replies and self.replies[-1][0] is get:
                self.take(*self.replies.pop())

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def land(self, data: st.DataObject) -> None:
        """A delayed request comes in, in any order."""
        self.serve(*self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1))))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def disconnect(self, data: st.DataObject) -> None:
        get = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.channel.disconnected(self.now, get)
        self.replies = [reply for reply in self.replies if reply[0] is not get]

    @precondition(lambda self: self.replies)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """A reply reaches the client, in any order."""
        self.take(*self.replies.pop(data.draw(st.integers(0, len(self.replies) - 1))))

    def take(self, get: Get, reply: Body | Resync | Refuse) -> None:
        if get.link != self.link:
            return
        if isinstance(reply, Body):
            self.receive(reply)
        elif isinstance(reply, Resync):
            raise AssertionError("a client without fault was told to resync")

    @precondition(lambda self: self.replies)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.replies.pop(data.draw(st.integers(0, len(self.replies) - 1)))

    @precondition(lambda self: self.met == self.link)
    @rule(step=st.sampled_from([-2, -1, 2, 5]))
    def mistake(self, step: int) -> None:
        """A link with a changed ack is answered with `resync` to where the client really is."""
        number = self.link[0]
        actions = self.channel.poll(self.now, number + step, None, "mistaken")
        assert actions == [Resync("mistaken", number, self.at())], actions

    def receive(self, body: Body) -> None:
        """Enter an answer in the ledger: every entry once, in order, but for merged updates."""
        assert body.number == self.link[0], "the answer is not the one asked for"
        assert body.since == self.at(), "the answer does not begin where the client is"
        expected = self.log[body.since.position : body.cursor.position]
        assert len(expected) <= BATCH_ENTRIES or len(body.events) <= BATCH_ENTRIES
        last = {p.target: p for p in expected}
        kept = [p for p in expected if p.target is None or last[p.target] is p]
        assert list(body.events) == kept, "lost, doubled or out of order"
        for who, number in body.presence.items():
            assert number > self.seen[who] or number > body.since.number
            self.seen[who] = max(self.seen[who], number)
        self.link = (body.number + 1, body.cursor)

    # -- what always holds

    @invariant()
    def confirmed_is_received(self) -> None:
        confirmed = self.channel.confirmed
        assert confirmed.position <= self.at().position
        assert confirmed.number <= self.at().number

    @invariant()
    def presence_is_complete(self) -> None:
        """The client has each change up to its cursor's number."""
        for who, number in self.numbers.items():
            assert self.seen[who] == number or number > self.at().number

    @invariant()
    def nothing_urgent_waits(self) -> None:
        """A request is parked only while nothing the server knows of is due."""
        due = self.channel.next_wakeup
        if due is None or self.reads:
            return
        assert due > self.now
        waiting = self.log[self.channel.confirmed.position : self.told]
        assert all(p.priority < HIGH for p in waiting), "an urgent entry waits"
        assert len(waiting) < BATCH_ENTRIES, "a full batch waits"

    def teardown(self) -> None:
        """In the end the client has everything, however it went until then."""
        self.replies.clear()
        self.renders = True
        self.begin()
        for _ in range(len(self.log) + 10):
            if self.at().position == len(self.log) and self.seen == self.numbers:
                return
            get = Get(self.link)
            self.serve(get, {"medium": 5})
            while self.reads:
                self.finish(self.reads.pop(), True, False)
            self.wait(2000.0)
            ((replied, reply),) = self.replies
            self.replies.clear()
            assert replied is get
            assert isinstance(reply, Body), reply
            self.receive(reply)
        raise AssertionError("the client never catches up")


class ConversationTests(SynchronousTestCase):
    """The channel as its client lives it."""

    def test_exactly_once(self) -> None:
        """Over lost replies, repeats, replacements, time-outs, disconnects, lost bus messages,
        failed reads, drains, restarts and trimming, a client receives every event once and in
        order and ends with the latest presence, and only what it received is confirmed."""
        run_state_machine_as_test(
            Conversation,
            settings=settings(max_examples=400, stateful_step_count=50, deadline=None),
        )
