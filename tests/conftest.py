"""The world that tests share: two states, their teams and organisations, and every kind of person."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

DATA = Path(tempfile.mkdtemp(prefix="atalaya-test-"))
os.environ.setdefault("ATALAYA_DATA", str(DATA))
