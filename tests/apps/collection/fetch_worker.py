"""A real process that fetches one source, to be killed: `python fetch_worker.py DATABASE DATA SOURCE`."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path


def main() -> None:
    database, data, source = sys.argv[1:]
    os.environ["DJANGO_SETTINGS_MODULE"] = "atalaya.site.settings"
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database
    collection = dataclasses.replace(settings.CONFIG.collection, private=["127.0.0.1"], timeout=5)
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data=Path(data), collection=collection)
    import django

    django.setup()
    from atalaya.apps.collection import actions

    actions.fetch(source)


if __name__ == "__main__":
    main()
