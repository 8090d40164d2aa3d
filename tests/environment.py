"""A data folder for the test run, set before anything reads the configuration. Loaded by pytest's `-p`."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("ATALAYA_DATA", tempfile.mkdtemp(prefix="atalaya-test-"))
