"""A front end in memory: store, domain, sign-in and resource trees, wired together.

`mobility.tap` puts listeners, logs and signals around it; tests drive its routes directly.
"""

import secrets
import time
from collections.abc import Callable
from functools import partial

import attrs
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from mobility import limits
from mobility.auth.photo_cookie import MIN_SECRET_BYTES, PhotoCookies
from mobility.autodiscover.homes import homes_of
from mobility.autodiscover.routes import routes as autodiscover_routes
from mobility.bus.local import LocalBus
from mobility.conferencing import Conferencing
from mobility.config import Config
from mobility.domain.agenda import Agenda
from mobility.domain.alerting import Alerting
from mobility.domain.applications import Applications
from mobility.domain.call_reports import CallReports
from mobility.domain.calls import Calls
from mobility.domain.content_sharing import ContentSharing
from mobility.domain.conversations import Conversations
from mobility.domain.correspondence import Correspondence
from mobility.domain.delivery import Delivery
from mobility.domain.distribution_groups import DistributionGroups
from mobility.domain.engagements import ConversationEngagements
from mobility.domain.forwarded_ringing import ForwardedRinging
from mobility.domain.late_ringing import Arrivals, LateRinging
from mobility.domain.message_formats import MessageFormats
from mobility.domain.messaging import Messaging
from mobility.domain.mixer import Mixer
from mobility.domain.own_data import tell_own
from mobility.domain.photos import LocalPhotos
from mobility.domain.presence import PresenceBook
from mobility.domain.privacy import Privacy
from mobility.domain.push_watch import WatchedLedger
from mobility.domain.reach import Reach
from mobility.domain.renames import Renames
from mobility.domain.renegotiations import Renegotiations
from mobility.domain.sign_out import SignOut
from mobility.domain.subscriptions import Subscriptions
from mobility.domain.telephone import TelephoneNetwork
from mobility.domain.telephony import Telephony, telephony
from mobility.domain.users import Users
from mobility.events import EventLog
from mobility.ground import Ground
from mobility.http.route import Route
from mobility.idle_sweep import idle_sweep
from mobility.imaging.darkroom import PillowDarkroom
from mobility.lists import Lists
from mobility.mcx_side import McxSide
from mobility.media import fitted, relay
from mobility.meet.routes import PATH as JOIN_PATH
from mobility.meet.routes import Doors
from mobility.meet.routes import routes as meet_routes
from mobility.operate.telephones import LoggedTelephones
from mobility.past import PURGE_INTERVAL_S, Past
from mobility.people_sources import ldap_directory, photo_sources
from mobility.permissions import Permissions
from mobility.push.clearing_house import ClearingHouse
from mobility.reactor import IReactor
from mobility.schedule import AgendaService, Recurring
from mobility.sign_in import SignIn
from mobility.sip_phones import SipPhones
from mobility.store.open import open_store
from mobility.ucwa.events import TRIM_INTERVAL_S, EventChannels
from mobility.ucwa.ports import Dispatch
from mobility.ucwa.resources import PRIORITIES
from mobility.ucwa.routes import routes as ucwa_routes
from mobility.ucwa.service import Ucwa
from mobility.waking import Waking

NONCE_SECRET = "sip-nonce-secret"  # noqa: S105  # the setting's name
PHOTO_SECRET = "photo-cookie-secret"  # noqa: S105  # the setting's name


class FrontEnd(MultiService):
    """Everything behind the listeners.

    Building it opens the store (migrating it if need be) and loads what is kept in memory, so the
    caller holds the store's lock and the reactor need not run yet; it raises OperatorFault.
    `dispatch` runs a part of a batch as if it had come alone.  `directory` is the directory that
    the configuration names, or None; who wants it to replicate makes it a service of theirs.
    `telephones` reaches the telephone network; without it there are no telephone calls.  `mixer`
    mixes the media of conferences, which have neither audio nor video without it.  `house` is a
    clearing house that takes the place of the configured one.
    """

    def __init__(
        self,
        config: Config,
        *,
        reactor: IReactor,
        log: EventLog,
        pseudonym: Callable[[str], str],
        dispatch: Dispatch,
        epoch: Callable[[], float] = time.time,
        telephones: TelephoneNetwork | None = None,
        mixer: Mixer | None = None,
        house: ClearingHouse | None = None,
    ) -> None:
        super().__init__()
        self.bus = LocalBus(log)
        self.store = open_store(config.store, reactor=reactor, publish=self.bus.publish, log=log)
        self.agenda = Agenda()
        ledger = WatchedLedger(self.store.ledger, epoch)
        now = epoch()
        stored = self.store.snapshot(now)
        ground = Ground(config, reactor, log, pseudonym, epoch, ledger, stored, now)
        self._build_people(ground)
        self._build_conversations(ground, mixer)
        self._build_lists(ground)
        self._build_meetings(ground, mixer)
        self._build_waking(ground, house)
        self._build_telephones(ground, telephones)
        self._build_sign_in(ground)
        self._follow_departures()
        self._build_sites(ground, dispatch)
        self._build_clocks(ground)

    def _build_people(self, ground: Ground) -> None:
        """Users and policies, presence, and the applications that they are signed in with."""
        config, ledger, agenda, stored = ground.config, ground.ledger, self.agenda, ground.stored
        self.users = Users(ledger, stored.users)
        self.permissions = Permissions(config, ledger, self.users, stored)
        self.voice = self.permissions.voice
        self.distribution_groups = DistributionGroups(ledger, stored.distribution_groups)
        self.presence = PresenceBook(stored.presences, stored.presence_number)
        self.applications = Applications(
            ledger, agenda, self.presence, limits.lifetimes(config.ucwa)
        )
        self.applications.load(stored.applications, stored.instances, stored.heads, ground.now)
        self.privacy = Privacy(
            ledger,
            self.applications,
            self.presence,
            config.sip_domains,
            config.ucwa.privacy_relationships_per_user,
        )
        self.privacy.load(stored.privacy)
        self.subscriptions = Subscriptions(
            ledger, agenda, self.presence, limits.subscription_limits(config.ucwa)
        )
        self.subscriptions.load(
            stored.subscriptions, (endpoint.id for endpoint in self.applications)
        )

    def _build_conversations(self, ground: Ground, mixer: Mixer | None) -> None:
        """Conversations, and what they are made of: messages, calls, what is shared."""
        config, ledger, agenda, stored = ground.config, ground.ledger, self.agenda, ground.stored
        archive, reach = self.store.archive, Reach(self.users, self.privacy)
        self.past = Past(
            ledger, archive, self.users, self.applications, reach, config, ground.epoch
        )
        self.conversations = Conversations(
            ledger,
            archive,
            agenda,
            self.users,
            self.applications,
            reach,
            limits.conversation_limits(config.ucwa),
        )
        self.conversations.load(stored)
        self.relays = relay.Relays(config.media, config.media.secret)
        self.past.follow(self.conversations, agenda, stored)
        self.permissions.relay, self.permissions.mixer = bool(self.relays), mixer
        self.call_policies = self.permissions.calls
        self.calls = Calls(ledger, agenda, self.conversations, self.call_policies)
        self.renegotiations = Renegotiations(agenda, self.conversations, self.call_policies)
        self.renegotiations.load()
        self.sharing = ContentSharing(agenda, self.conversations, self.call_policies)
        self.sharing.load()
        self.messaging = Messaging(
            ledger,
            agenda,
            self.conversations,
            MessageFormats(self.applications, config.ucwa.html_messaging),
            Delivery(self.applications, self.conversations.lines, reach),
            self.past.history,
        )
        self.correspondence = Correspondence(
            agenda,
            self.applications,
            self.conversations,
            self.messaging,
            self.past.dispositions,
            config.sip.conversation_idle_s,
            stored.carriages,
        )

    def _build_lists(self, ground: Ground) -> None:
        """Contact lists, groups, who answers for whom, and where calls are forwarded to."""
        lists = Lists(
            ground,
            self.store.archive,
            self.agenda,
            self.users,
            self.applications,
            self.distribution_groups,
            self.voice,
        )
        self.contacts, self.contact_subscriptions = lists.contacts, lists.subscriptions
        self.groups, self.organization = lists.groups, lists.organization
        self.delegates = self.permissions.delegates = lists.delegates
        self.forwarding = lists.forwarding

    def _build_meetings(self, ground: Ground, mixer: Mixer | None) -> None:
        """Meetings, their conferences and guests."""
        config, stored = ground.config, ground.stored
        conferencing = Conferencing(
            ground.ledger,
            self.agenda,
            self.users,
            self.applications,
            self.conversations,
            self.call_policies,
            self.past.history,
            config.meetings,
            stored,
            mixer,
        )
        self.meetings, self.guests = conferencing.meetings, conferencing.guests
        self.conferences, self.conference_calls = conferencing.conferences, conferencing.calls
        self.mixed, self.dial_in = conferencing.mixed, conferencing.dial_in

    def _build_waking(self, ground: Ground, house: ClearingHouse | None) -> None:
        """What is told to applications, and wakes the devices that hear nothing of it."""
        config, reactor, log, epoch = ground.config, ground.reactor, ground.log, ground.epoch
        self.channels = EventChannels(
            alerting=Alerting(self.conversations, self.calls),
            users=self.users,
            guests=self.guests,
            applications=self.applications,
            subscriptions=self.subscriptions,
            presence=self.presence,
            privacy=self.privacy,
            archive=self.store.archive,
            call_policies=self.call_policies,
            priorities=PRIORITIES,
            clock=reactor,
            epoch=epoch,
            log=log,
            stream_entries=config.ucwa.stream_entries,
        )
        self.bus.subscribe(
            "presence", lambda committed: self.presence.committed(committed.presences)
        )
        self.bus.subscribe("ucwa", self.channels.committed)
        self.past.hear(self.channels)
        self.waking = Waking(
            config,
            ground.stored,
            self.store,
            self.past,
            self.users,
            self.applications,
            self.agenda,
            self.channels.received,
            self.permissions.mobility.may_push,
            reactor=reactor,
            epoch=epoch,
            log=log,
            pseudonym=ground.pseudonym,
            house=house,
        )
        self.waking.setServiceParent(self)
        ground.ledger.watch = self.waking.watch
        self.conversations.wakers.append(self.waking.may_ring)
        self.engagements = ConversationEngagements(
            self.agenda, self.applications, self.conversations
        )
        self.applications.engagements.append(self.engagements.of)
        self.bus.subscribe("engagements", self.engagements.committed)

    def _build_telephones(self, ground: Ground, telephones: TelephoneNetwork | None) -> None:
        """SIP phones, the telephone network, and what rings for a call."""
        config, ledger, agenda, stored = ground.config, ground.ledger, self.agenda, ground.stored
        self.phones = SipPhones(
            ledger,
            agenda,
            self.applications,
            self.presence,
            self.past.history,
            config.sip_domains,
            stored,
        )
        self.bindings = self.phones.bindings
        self.waking.watch.voicemails = self.phones.voicemail.of
        self.telephones: LoggedTelephones | None = None
        self.telephony: Telephony | None = None
        if telephones is not None:
            self.telephones = LoggedTelephones(telephones, ground.log, ground.epoch)
            self.telephony = telephony(
                self.telephones,
                agenda,
                self.users,
                self.voice,
                self.permissions.mobility,
                self.delegates,
                self.applications,
                self.conversations,
                self.calls,
                self.forwarding.destinations,
                fitted,
                self.mixed,
            )
            self.permissions.telephony = self.telephony
            self.bus.subscribe("telephones", self.telephony.committed)
        self.mobility = self.permissions.at_work(
            agenda,
            self.applications,
            self.conversations,
            homes_of(config).serves,
            self.distribution_groups,
        )
        stages = self.calls.stages
        self.voice.watchers.append(self.forwarding.watch)
        stages.plan = ForwardedRinging(self.conversations, self.forwarding, stages)
        stages.load()

    def _build_sign_in(self, ground: Ground) -> None:
        """The directory that knows more users, and how people prove who they are."""
        self.directory = ldap_directory(
            ground.config,
            self.users,
            self.distribution_groups,
            reactor=ground.reactor,
            epoch=ground.epoch,
            log=ground.log,
            pseudonym=ground.pseudonym,
        )
        self.sign_in = SignIn(
            ground,
            self.users,
            self.meetings,
            self.guests,
            self.permissions.service_accounts,
            self.directory,
        )
        self.sign_in.setServiceParent(self)
        self.tokens, self.authenticator = self.sign_in.tokens, self.sign_in.authenticator
        self.passwords = self.sign_in.passwords

    def _follow_departures(self) -> None:
        """Who hears of users and applications that come, change and go."""
        SignOut(self.agenda, self.users, self.applications, self.bindings)
        self.users.farewells += [
            self.contacts.take_leave,
            self.privacy.take_leave,
            self.presence.take_leave,
            self.past.drop_receipts,
            self.past.devices.forget,
        ]
        self.users.changes += [partial(tell_own, self.applications), self.organization.follow]
        self.users.renames.append(Renames(self.applications, self.conversations).renamed)
        self.users.removals += [
            self.meetings.end_all_of,
            self.delegates.end_all_of,
            self.voice.forget,
            self.forwarding.end_all_of,
            self.past.history.end_all_of,
            self.phones.voicemail.forget,
        ]
        late = LateRinging(self.conversations, self.calls.stages)
        self.applications.arrivals.append(Arrivals(self.conversations, late))
        parted = self.conversations, self.subscriptions, self.contact_subscriptions
        self.applications.departures += [one.leave for one in parted]

    def _build_sites(self, ground: Ground, dispatch: Dispatch) -> None:
        """What the web listeners serve."""
        config, reactor, log = ground.config, ground.reactor, ground.log
        self.darkroom = PillowDarkroom(reactor)
        self.darkroom.setServiceParent(self)
        self.local_photos = LocalPhotos(self.users, self.store.archive, self.darkroom)
        settings = attrs.evolve(
            config.meetings,
            join_url=config.meetings.join_url or config.web.external_url + JOIN_PATH,
        )
        doors = Doors(
            config,
            self.users,
            self.meetings,
            self.sign_in.meeting_keys,
            self.authenticator,
            settings.join_url,
        )
        self.nonce_secret = self.store.setting(NONCE_SECRET, partial(secrets.token_bytes, 32))
        secret = self.store.setting(PHOTO_SECRET, partial(secrets.token_bytes, MIN_SECRET_BYTES))
        ucwa = Ucwa(
            users=self.users,
            presence=self.presence,
            privacy=self.privacy,
            applications=self.applications,
            subscriptions=self.subscriptions,
            contacts=self.contacts,
            groups=self.groups,
            distribution_groups=self.distribution_groups,
            contact_subscriptions=self.contact_subscriptions,
            conversations=self.conversations,
            messaging=self.messaging,
            message_states=self.past.states,
            calls=self.calls,
            telephony=self.telephony,
            mobility=self.mobility,
            renegotiations=self.renegotiations,
            sharing=self.sharing,
            call_reports=CallReports(ground.ledger, self.conversations),
            relays=self.relays,
            delegates=self.delegates,
            history=self.past.history,
            unread=self.past.unread,
            devices=self.past.devices,
            meetings=self.meetings,
            forwarding=self.forwarding,
            guests=self.guests,
            conferences=self.conferences,
            conference_calls=self.conference_calls,
            meeting_settings=settings,
            archive=self.store.archive,
            log=log,
            pseudonym=ground.pseudonym,
            channels=self.channels,
            photos=photo_sources(self.local_photos, self.directory, self.darkroom),
            local_photos=self.local_photos,
            photo_cookies=PhotoCookies(secret),
            dispatch=dispatch,
            group_size_to_expand=config.ucwa.group_size_to_expand,
            outstanding_requests=config.ucwa.outstanding_requests_per_user,
            conversation_idle_s=config.ucwa.conversation_idle_s,
        )
        self.mcx = McxSide(
            config, ground.ledger, ground.stored.legacy_clients, reactor, ground.epoch, log
        )
        self.mcx.setServiceParent(self)
        self.subtrees = [self.mcx.subtree]
        served = [*meet_routes(doors), *ucwa_routes(ucwa, self.authenticator.authenticate)]
        if config.topology.director:
            served = [route for route in served if route.name == "applications"]
        self.routes: list[Route] = [
            *autodiscover_routes(config, self.users, self.authenticator),
            *self.sign_in.routes,
            *served,
        ]

    def _build_clocks(self, ground: Ground) -> None:
        """What is done when it is due, and now and then."""
        config, reactor, log, epoch = ground.config, ground.reactor, ground.log, ground.epoch
        self.breathe: Callable[[], Deferred[None]] = partial(deferLater, reactor, 0)
        """Lets others have their turn."""
        AgendaService(self.agenda, reactor, epoch, log).setServiceParent(self)
        Recurring("trim", TRIM_INTERVAL_S, self.channels.trim, reactor, log).setServiceParent(self)
        idle_s = config.ucwa.conversation_idle_s
        idle_sweep(self.conversations, idle_s, epoch, reactor, log).setServiceParent(self)
        Recurring("purge", PURGE_INTERVAL_S, self.past.purge, reactor, log).setServiceParent(self)

    def startService(self) -> None:
        self.store.start()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Stop the clocks, finish what is being committed, and close the store."""
        self.channels.stop()
        stopped: Deferred[None] = super().stopService()
        return stopped.addCallback(lambda _: self.store.stop())
