"""How the web server serves. What a client has not taken yet waits on disk, and no thread waits with it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from atalaya.core import limits
from atalaya.site.config import Config

CONNECTIONS = 500
"""Open at the same time; others wait to be accepted. Below what a process may usually hold open (1,024)."""
SILENT_SECONDS = 60
"""After so long without a byte in either direction a connection is closed."""
NO_LIMIT = 1 << 50
KEPT_SECONDS = 86_400


def options(config: Config) -> dict[str, Any]:
    """The arguments of waitress for this configuration.

    Without a limit of what may wait: a thread that reached one would wait for the client, and a few people on thin lines would
    stop the node. `atalaya.web.middleware.while_there_is_room` keeps the disk from filling up instead.
    """
    proxy = {
        "trusted_proxy": "*",
        "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto",
        "clear_untrusted_proxy_headers": True,
    }
    return {
        "threads": config.web.threads,
        "ident": "",
        "max_request_body_size": limits.UPLOAD_BYTES + limits.MIB,
        "channel_timeout": SILENT_SECONDS,
        "connection_limit": CONNECTIONS,
        "asyncore_use_poll": True,
        "outbuf_high_watermark": NO_LIMIT,
        **(proxy if config.web.behind_proxy else {}),
    }


def spool(config: Config) -> Path:
    """The folder for what comes in or goes out slowly. Files there have no name; uploads that a killed process left have one,
    and are removed after a day."""
    folder = config.data / "spool"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.iterdir():
        if left.is_file() and left.stat().st_mtime < time.time() - KEPT_SECONDS:
            left.unlink(missing_ok=True)
    return folder
