"""Tests of mobility.  `HYPOTHESIS_PROFILE=ci` makes the property tests repeatable."""

import os

from hypothesis import HealthCheck, settings

SLOW = (HealthCheck.too_slow,)
"""How long examples take says something of the machine and its load, not of what is tested."""

settings.register_profile("default", deadline=None, suppress_health_check=SLOW)
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
