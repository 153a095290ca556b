"""Tests of mobility.  `HYPOTHESIS_PROFILE=ci` makes the property tests repeatable."""

import os

from hypothesis import settings

settings.register_profile("default", deadline=None)
settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
