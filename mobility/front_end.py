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

from mobility.auth.clients import Clients
from mobility.auth.meeting_keys import MeetingKeys
from mobility.auth.passwords import Passwords
from mobility.auth.photo_cookie import MIN_SECRET_BYTES, PhotoCookies
from mobility.auth.tokens import Caller, Tokens
from mobility.autodiscover.homes import homes_of
from mobility.autodiscover.routes import routes as autodiscover_routes
from mobility.bus.local import LocalBus
from mobility.conferencing import Conferencing
from mobility.config import Config
from mobility.domain.agenda import Agenda
from mobility.domain.alerting import Alerting
from mobility.domain.applications import Applications
from mobility.domain.call_destinations import CallDestinations, ForwardingSettings
from mobility.domain.call_reports import CallReports
from mobility.domain.calls import Calls
from mobility.domain.contact_subscriptions import ContactSubscriptions
from mobility.domain.contacts import ContactLimits, Contacts
from mobility.domain.content_sharing import ContentSharing
from mobility.domain.conversation_book import ConversationLimits
from mobility.domain.conversations import Conversations
from mobility.domain.correspondence import Correspondence
from mobility.domain.delegates import Delegates
from mobility.domain.delivery import Delivery
from mobility.domain.distribution_groups import DistributionGroups
from mobility.domain.engagements import ConversationEngagements
from mobility.domain.forwarded_ringing import ForwardedRinging
from mobility.domain.forwarding import Forwarding
from mobility.domain.groups import Groups
from mobility.domain.late_ringing import Arrivals, LateRinging
from mobility.domain.lifetimes import Lifetimes
from mobility.domain.message_formats import MessageFormats
from mobility.domain.message_states import MessageStates
from mobility.domain.messaging import Messaging
from mobility.domain.mixer import Mixer
from mobility.domain.organization import Organization
from mobility.domain.own_data import tell_own
from mobility.domain.photos import LocalPhotos
from mobility.domain.presence import PresenceBook
from mobility.domain.privacy import Privacy
from mobility.domain.push_watch import WatchedLedger
from mobility.domain.reach import Reach
from mobility.domain.renames import Renames
from mobility.domain.renegotiations import Renegotiations
from mobility.domain.subscriptions import SubscriptionLimits, Subscriptions
from mobility.domain.telephone import TelephoneNetwork
from mobility.domain.telephony import Telephony, telephony
from mobility.domain.users import Users
from mobility.events import EventLog
from mobility.http.route import Route
from mobility.idle_sweep import idle_sweep
from mobility.imaging.darkroom import PillowDarkroom
from mobility.mcx_side import McxSide
from mobility.media.relay import Relays
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
from mobility.sign_in import AnonymousCallers, lockout, sign_in
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
        self.breathe: Callable[[], Deferred[None]] = partial(deferLater, reactor, 0)
        """Lets others have their turn."""
        self.bus = LocalBus(log)
        self.store = open_store(config.store, reactor=reactor, publish=self.bus.publish, log=log)
        ledger = WatchedLedger(self.store.ledger, epoch)
        archive = self.store.archive
        now = epoch()
        stored = self.store.snapshot(now)
        agenda = Agenda()

        self.users = Users(ledger, stored.users)
        self.permissions = Permissions(config, ledger, self.users, stored)
        self.voice = self.permissions.voice
        self.distribution_groups = DistributionGroups(ledger, stored.distribution_groups)
        self.presence = PresenceBook(stored.presences, stored.presence_number)
        self.applications = Applications(
            ledger,
            agenda,
            self.presence,
            Lifetimes(
                with_events_s=config.ucwa.idle_expiry_s,
                without_events_s=config.ucwa.no_events_expiry_s,
                per_user=config.ucwa.applications_per_user,
                instances=config.ucwa.instances_per_application,
                with_push_s=config.ucwa.push_idle_expiry_s,
            ),
        )
        self.applications.load(stored.applications, stored.instances, stored.heads, now)
        self.privacy = Privacy(
            ledger,
            self.applications,
            self.presence,
            config.sip_domains,
            config.ucwa.privacy_relationships_per_user,
        )
        self.privacy.load(stored.privacy)
        self.subscriptions = Subscriptions(
            ledger,
            agenda,
            self.presence,
            SubscriptionLimits(
                config.ucwa.subscriptions_per_application,
                config.ucwa.subscribed_contacts_per_application,
            ),
        )
        self.subscriptions.load(
            stored.subscriptions, (endpoint.id for endpoint in self.applications)
        )
        reach = Reach(self.users, self.privacy)
        self.past = Past(ledger, archive, self.users, self.applications, reach, config, epoch)
        self.conversations = Conversations(
            ledger,
            archive,
            agenda,
            self.users,
            self.applications,
            reach,
            ConversationLimits(
                config.ucwa.invitation_timeout_s,
                config.ucwa.typing_timeout_s,
                config.ucwa.conversations_per_application,
            ),
        )
        self.conversations.load(stored)
        self.relays = Relays(config.media, config.media.secret)
        self.past.follow(self.conversations, stored)
        self.permissions.relay, self.permissions.mixer = bool(self.relays), mixer
        self.call_policies = self.permissions.calls
        self.calls = Calls(ledger, agenda, self.users, self.conversations, self.call_policies)
        self.renegotiations = Renegotiations(agenda, self.conversations, self.call_policies)
        self.renegotiations.load()
        self.sharing = ContentSharing(agenda, self.conversations, self.call_policies)
        self.sharing.load()
        self.agenda = agenda
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
            config.sip.conversation_idle_s,
            stored.carriages,
        )
        self.contact_subscriptions = ContactSubscriptions(ledger, agenda, self.applications)
        self.contact_subscriptions.load(endpoint.id for endpoint in self.applications)
        self.contacts = Contacts(
            ledger,
            archive,
            self.contact_subscriptions,
            ContactLimits(config.ucwa.contacts_per_user, config.ucwa.groups_per_user),
        )
        self.delegates = Delegates(
            ledger,
            self.users,
            self.applications,
            self.contact_subscriptions,
            stored.delegations,
            stored.team_members,
        )
        self.permissions.delegates = self.delegates
        self.contacts.load(stored.listed_groups)
        self.distribution_groups.followers.append(self.contacts.follow)
        self.organization = Organization(self.users, self.contact_subscriptions)
        self.groups = Groups(
            self.contacts, self.distribution_groups, self.delegates, self.organization
        )
        self.forwarding = Forwarding(
            ledger,
            self.applications,
            CallDestinations(
                self.users,
                self.delegates,
                self.voice,
                ForwardingSettings(config.forwarding.voicemail, config.forwarding.hours),
            ),
            stored.call_forwardings,
        )
        conferencing = Conferencing(
            ledger,
            agenda,
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
        self.darkroom = PillowDarkroom(reactor)
        self.darkroom.setServiceParent(self)
        self.local_photos = LocalPhotos(self.users, archive, self.darkroom)
        self.channels = EventChannels(
            alerting=Alerting(self.conversations),
            users=self.users,
            guests=self.guests,
            applications=self.applications,
            subscriptions=self.subscriptions,
            presence=self.presence,
            privacy=self.privacy,
            archive=archive,
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
        self.waking = Waking(
            config,
            stored,
            self.store,
            self.past,
            self.users,
            self.applications,
            agenda,
            self.channels.received,
            reactor=reactor,
            epoch=epoch,
            log=log,
            pseudonym=pseudonym,
            house=house,
        )
        self.waking.setServiceParent(self)
        self.waking.switches.permitted = self.permissions.mobility.may_push
        ledger.watch = self.waking.watch
        self.conversations.wakers.append(self.waking.may_ring)
        self.engagements = ConversationEngagements(agenda, self.applications, self.conversations)
        self.applications.engagements.append(self.engagements.of)
        self.bus.subscribe("engagements", self.engagements.committed)

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
        self.telephones = None if telephones is None else LoggedTelephones(telephones, log, epoch)
        self.telephony = self._telephony(self.telephones, agenda)
        self.mobility = self.permissions.at_work(
            agenda,
            self.applications,
            self.conversations,
            homes_of(config).serves,
            self.distribution_groups,
        )
        stages = self.calls.stages
        self.voice.watchers.append(self.forwarding.watch)
        stages.plan = ForwardedRinging(self.conversations, self.forwarding, stages.own)
        stages.load()

        self.directory = ldap_directory(
            config,
            self.users,
            self.distribution_groups,
            reactor=reactor,
            epoch=epoch,
            log=log,
            pseudonym=pseudonym,
        )
        self.lockout = lockout(config)
        self.passwords = Passwords(config.auth.password_threads, reactor)
        self.passwords.setServiceParent(self)
        self.tokens = Tokens(ledger, config.auth.tokens_per_user, log, pseudonym)
        self.tokens.admissions.append(self._admit_guest)
        self.guests.farewells.append(self.tokens.revoke_all_of)
        self.tokens.load(stored.tokens)
        self.guests.settle(now)
        self.meeting_keys = MeetingKeys(lockout(config), Clients(config.web.trusted_proxies))
        self.authenticator, token_routes = sign_in(
            config,
            self.users,
            self.passwords,
            self.lockout,
            self.tokens,
            AnonymousCallers(self.meetings, self.guests, self.meeting_keys),
            self.directory,
            self.permissions.service_accounts,
            log,
            pseudonym,
        )
        self.users.revocations.append(self.tokens.revoke)
        self.users.departures += [self.applications.end_all_of, self.bindings.end_all_of]
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

        settings = attrs.evolve(
            config.meetings,
            join_url=config.meetings.join_url or config.web.external_url + JOIN_PATH,
        )
        doors = Doors(
            config,
            self.users,
            self.meetings,
            self.meeting_keys,
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
            message_states=MessageStates(archive, self.applications, self.channels.received),
            calls=self.calls,
            telephony=self.telephony,
            mobility=self.mobility,
            renegotiations=self.renegotiations,
            sharing=self.sharing,
            call_reports=CallReports(ledger, self.conversations),
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
            archive=archive,
            log=log,
            pseudonym=pseudonym,
            channels=self.channels,
            photos=photo_sources(self.local_photos, self.directory, self.darkroom),
            local_photos=self.local_photos,
            photo_cookies=PhotoCookies(secret),
            dispatch=dispatch,
            group_size_to_expand=config.ucwa.group_size_to_expand,
            outstanding_requests=config.ucwa.outstanding_requests_per_user,
        )
        self.mcx = McxSide(config, ledger, stored.legacy_clients, reactor, epoch, log)
        self.mcx.setServiceParent(self)
        self.subtrees = [self.mcx.subtree]
        served = [*meet_routes(doors), *ucwa_routes(ucwa, self.authenticator.authenticate)]
        if config.topology.director:
            served = [route for route in served if route.name == "applications"]
        self.routes: list[Route] = [
            *autodiscover_routes(config, self.users, self.authenticator),
            *token_routes,
            *served,
        ]
        """What the web listeners serve."""

        AgendaService(agenda, reactor, epoch, log).setServiceParent(self)
        Recurring("trim", TRIM_INTERVAL_S, self.channels.trim, reactor, log).setServiceParent(self)
        idle_s = config.ucwa.conversation_idle_s
        idle_sweep(self.conversations, idle_s, epoch, reactor, log).setServiceParent(self)
        Recurring("purge", PURGE_INTERVAL_S, self.past.purge, reactor, log).setServiceParent(self)

    def _telephony(self, network: TelephoneNetwork | None, agenda: Agenda) -> Telephony | None:
        if network is None:
            return None
        built = telephony(
            network,
            agenda,
            self.users,
            self.voice,
            self.permissions.mobility,
            self.delegates,
            self.applications,
            self.conversations,
            self.calls,
            self.forwarding.destinations,
            self.mixed,
        )
        self.permissions.telephony = built
        self.bus.subscribe("telephones", built.handsets.committed)
        return built

    def _admit_guest(self, caller: Caller) -> None:
        """A token was given out: a guest comes, or stays longer."""
        if caller.guest:
            self.guests.admit(caller.user_uri, caller.meeting_uri, caller.expires_at)

    def startService(self) -> None:
        self.store.start()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Stop the clocks, finish what is being committed, and close the store."""
        self.channels.stop()
        stopped: Deferred[None] = super().stopService()
        return stopped.addCallback(lambda _: self.store.stop())
