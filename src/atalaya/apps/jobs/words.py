"""What people call the node's work. A job's name is a code that never changes; these are the words for it."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

WORDS: dict[str, Promise] = {
    "events.ask_alarms": _("Ask a new file the kept questions"),
    "events.close_gone": _("Close findings that are gone"),
    "events.compact": _("Merge small files of the event table"),
    "events.drop": _("Look into the drop folder"),
    "events.forget_old_files": _("Forget old files"),
    "events.process": _("Read a file"),
    "events.raise_alarms": _("Raise alarms of kept questions"),
    "jobs.prune": _("Forget finished work"),
    "notices.collect": _("Gather notices"),
    "notices.due": _("Send the notices that are due"),
    "notices.recheck": _("Look again at notices held back"),
    "notices.send": _("Send a notice"),
    "people.forget": _("Forget old sign-in data"),
    "registry.check_certificates": _("Check the OpenPGP keys"),
}


def words_for(name: str) -> str:
    """The words for the work of this name; the name itself where there are none."""
    return str(WORDS.get(name, name))
