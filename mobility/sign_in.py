"""How people prove who they are, wired together: the grants, the challenge and who checks."""

from twisted.application.service import MultiService

from mobility.auth.anonymous import AnonymousGrant
from mobility.auth.challenge import Authenticator, Challenge
from mobility.auth.clients import Clients
from mobility.auth.endpoint import TokenEndpoint, routes
from mobility.auth.grants import Grant, LocalPasswords, PasswordGrant, ServiceSecrets
from mobility.auth.lockout import Lockout
from mobility.auth.meeting_keys import MeetingKeys
from mobility.auth.passwords import Passwords
from mobility.auth.tokens import Caller, Tokens
from mobility.config import Config
from mobility.directory.service import LdapDirectory
from mobility.domain.guests import Guests
from mobility.domain.ledger import Unit
from mobility.domain.meetings import Meetings
from mobility.domain.records import User
from mobility.domain.service_accounts import ServiceAccounts
from mobility.domain.users import Users
from mobility.ground import Ground
from mobility.http.route import Route


def lockout(config: Config) -> Lockout:
    """A count of failures, with the configured limits."""
    auth = config.auth
    return Lockout(auth.lockout_failures, auth.lockout_base_s, auth.lockout_max_s)


class SignIn(MultiService):
    """Passwords and tokens, and who checks them.  `routes` are those of the token endpoint.

    `directory` knows the passwords of the users that it mirrors; without it all are local ones.
    """

    def __init__(
        self,
        ground: Ground,
        users: Users,
        meetings: Meetings,
        guests: Guests,
        service_accounts: ServiceAccounts,
        directory: LdapDirectory | None,
    ) -> None:
        super().__init__()
        config, log, pseudonym = ground.config, ground.log, ground.pseudonym
        self._ground = ground
        self._users = users
        self._guests = guests
        self.lockout = lockout(config)
        self.meeting_keys = MeetingKeys(lockout(config), Clients(config.web.trusted_proxies))
        self.passwords = Passwords(config.auth.password_threads, ground.reactor)
        self.passwords.setServiceParent(self)
        self.tokens = Tokens(ground.ledger, config.auth.tokens_per_user, log, pseudonym)
        self.tokens.admissions.append(self._admit_guest)
        guests.farewells.append(self.tokens.revoke_all_of)
        self.tokens.load(ground.stored.tokens)
        guests.settle(ground.now)
        users.revocations.append(self.tokens.revoke)
        users.followers.append(self._changed)
        grants: list[Grant] = []
        if config.meetings.anonymous:
            grants.append(self._guests_grant(meetings))
        grants.append(self._password_grant(service_accounts, directory))
        challenge = Challenge(config.web, config.sip_domains, [one.name for one in grants])
        endpoint = TokenEndpoint(grants, self.tokens, config.server_fqdn, log, pseudonym)
        self.authenticator = Authenticator(self.tokens, challenge)
        self.routes: list[Route] = routes(endpoint)

    def _guests_grant(self, meetings: Meetings) -> AnonymousGrant:
        """Admits people without an account to one meeting."""
        lifetime_s = self._ground.config.auth.anonymous_token_lifetime_s
        return AnonymousGrant(
            meetings, self._guests, self.tokens, self.meeting_keys, lifetime_s, self._ground.log
        )

    def _password_grant(
        self, service_accounts: ServiceAccounts, directory: LdapDirectory | None
    ) -> PasswordGrant:
        ground = self._ground
        local = LocalPasswords(self.passwords, self._users, ground.log, ground.pseudonym)
        passwords = local if directory is None else directory.passwords(local)
        return PasswordGrant(
            self._users,
            ServiceSecrets(passwords, service_accounts),
            self.lockout,
            Clients(ground.config.web.trusted_proxies),
            ground.config.sip_domains,
            ground.config.auth.token_lifetime_s,
            ground.log,
            ground.pseudonym,
        )

    async def _changed(self, before: User, after: User, now: float) -> None:  # noqa: ARG002
        """End the tokens of who signed in while the change that revokes them was being stored: that
        was with the old password."""
        if not after.enabled or before.credential_version != after.credential_version:
            self.tokens.revocation_stored(after.uri)
            unit = Unit()
            self.tokens.revoke(after, unit)
            if unit:
                await self._ground.ledger.commit(unit)
                self.tokens.revocation_stored(after.uri)

    def _admit_guest(self, caller: Caller) -> None:
        """A token was given out: a guest comes, or stays longer."""
        if caller.guest:
            self._guests.admit(caller.user_uri, caller.meeting_uri, caller.expires_at)
