"""An open mobility front end on Twisted: UCWA 2.0, Autodiscover, SIP and push."""

