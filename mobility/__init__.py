"""An open mobility front end on Twisted: UCWA 2.0, Autodiscover, SIP and push."""

__version__ = "0.1.0"
