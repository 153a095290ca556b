"""Signing a user out everywhere: done to the end, though the store fails or the process ends
meanwhile.

That a user is disabled is stored first, and what it has here ends after that, in units of their
own.  Whoever disabled it may never ask again: a directory has nothing to change the next time.
"""

from functools import partial

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications
from mobility.domain.bindings import Bindings
from mobility.domain.records import User
from mobility.domain.users import Users


class SignOut:
    """Ends the applications and phones of users who are disabled or removed."""

    def __init__(
        self, agenda: Agenda, users: Users, applications: Applications, bindings: Bindings
    ) -> None:
        self._agenda = agenda
        self._users = users
        users.departures += [applications.end_all_of, bindings.end_all_of]
        users.unfinished = self._again
        here = {endpoint.user_uri for endpoint in applications if not endpoint.guest}
        for uri in sorted(here.union(bindings.users())):
            user = users.find(uri)
            if user is not None and not user.enabled:  # the last process did not come to it
                self._again(user)

    def _again(self, user: User) -> None:
        self._agenda.at(0.0, partial(self._users.sign_out, user.uri))
