"""Lets `twistd` find `mobility`."""

from twisted.application.service import ServiceMaker

mobility = ServiceMaker(
    "mobility front end", "mobility.tap", "A mobility front end (UCWA, Autodiscover)", "mobility"
)
