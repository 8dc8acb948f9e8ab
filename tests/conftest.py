"""One profile for all property tests: no deadline (a busy machine is no fault); in CI the same examples each time."""

import os

from hypothesis import settings

settings.register_profile("by-hand", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "by-hand")
