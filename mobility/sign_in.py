"""How people prove who they are, wired together: the grants, the challenge and who checks."""

from collections.abc import Callable

import attrs

from mobility.auth.anonymous import AnonymousGrant
from mobility.auth.challenge import Authenticator, Challenge
from mobility.auth.clients import Clients
from mobility.auth.endpoint import TokenEndpoint, routes
from mobility.auth.grants import Grant, LocalPasswords, PasswordGrant, ServiceSecrets
from mobility.auth.lockout import Lockout
from mobility.auth.meeting_keys import MeetingKeys
from mobility.auth.passwords import Passwords
from mobility.auth.tokens import Tokens
from mobility.config import Config
from mobility.directory.service import LdapDirectory
from mobility.domain.guests import Guests
from mobility.domain.meetings import Meetings
from mobility.domain.service_accounts import ServiceAccounts
from mobility.domain.users import Users
from mobility.events import EventLog
from mobility.http.route import Route


@attrs.frozen
class AnonymousCallers:
    """What admits people without an account to one meeting."""

    meetings: Meetings
    guests: Guests
    keys: MeetingKeys


def lockout(config: Config) -> Lockout:
    """A count of failures, with the configured limits."""
    auth = config.auth
    return Lockout(auth.lockout_failures, auth.lockout_base_s, auth.lockout_max_s)


def sign_in(
    config: Config,
    users: Users,
    passwords: Passwords,
    failures: Lockout,
    tokens: Tokens,
    anonymous: AnonymousCallers,
    directory: LdapDirectory | None,
    service_accounts: ServiceAccounts,
    log: EventLog,
    pseudonym: Callable[[str], str],
) -> tuple[Authenticator, list[Route]]:
    """Who checks the callers, and the routes of the token endpoint.

    `directory` knows the passwords of the users that it mirrors; without it all are local ones.
    """
    auth = config.auth
    local = LocalPasswords(passwords, users, log, pseudonym)
    grants: list[Grant] = []
    if config.meetings.anonymous:
        grants.append(
            AnonymousGrant(
                anonymous.meetings,
                anonymous.guests,
                tokens,
                anonymous.keys,
                auth.anonymous_token_lifetime_s,
                log,
            )
        )
    grants.append(
        PasswordGrant(
            users,
            ServiceSecrets(
                local if directory is None else directory.passwords(local), service_accounts
            ),
            failures,
            Clients(config.web.trusted_proxies),
            config.sip_domains,
            auth.token_lifetime_s,
            log,
            pseudonym,
        )
    )
    challenge = Challenge(config.web, config.sip_domains, [one.name for one in grants])
    endpoint = TokenEndpoint(grants, tokens, config.server_fqdn, log, pseudonym)
    return Authenticator(tokens, challenge), routes(endpoint)
