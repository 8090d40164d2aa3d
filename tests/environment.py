"""A data folder for the test run, set before anything reads the configuration. Loaded by pytest's `-p`."""

from __future__ import annotations

import os
import tempfile

from hypothesis import HealthCheck, settings

os.environ.setdefault("ATALAYA_DATA", tempfile.mkdtemp(prefix="atalaya-test-"))
# No test depends on time: a busy machine is not a fault of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
