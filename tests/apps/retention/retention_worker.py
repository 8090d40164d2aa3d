"""Carries out a state's rules in a process of its own, and dies by kill -9 at a named place.

Run: `python -m tests.apps.retention.retention_worker DATABASE DATA STATE PLACE`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any


def die(*_args: Any, **_kwargs: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after(function: Any) -> Any:
    def called(*args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)
        die()

    return called


def main() -> None:
    database, data, state, place = sys.argv[1:]
    import django
    from django.conf import settings

    settings.DATABASES["default"].update(json.loads(database))
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data=Path(data))
    django.setup()
    from atalaya.apps.retention import actions
    from atalaya.core.store.retention import Rewriting

    if place == "written":
        Rewriting.commit = die  # type: ignore[assignment]
    elif place == "committed":
        Rewriting.commit = after(Rewriting.commit)  # type: ignore[method-assign]
    elif place == "copies":
        actions._forget_rows = after(actions._forget_rows)
    elif place == "leaving":
        actions._remove_files = die
    elif place == "closing":
        actions.retention.purge = after(actions.retention.purge)  # type: ignore[attr-defined]
    actions.carry_out(state, at_once=True)


if __name__ == "__main__":
    main()
