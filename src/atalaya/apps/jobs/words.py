"""What people call the node's work. A job's name is a code that never changes; these are the words for it."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

WORDS: dict[str, Promise] = {
    "events.ask_alarms": _("Ask a new file the kept questions"),
    "collection.due": _("Ask for the sources that are due"),
    "collection.fetch": _("Fetch a source"),
    "collection.note_rows": _("Count the rows of a fetch"),
    "collection.watch": _("See which sources are silent"),
    "events.close_gone": _("Close findings that are gone"),
    "events.compact": _("Merge small files of the event table"),
    "events.drop": _("Look into the drop folder"),
    "events.fill_vulnerabilities": _("Give earlier findings their vulnerabilities"),
    "events.forget_old_files": _("Forget old files"),
    "events.expire_marks": _("Open findings again whose acceptance is over"),
    "events.process": _("Read a file"),
    "events.raise_alarms": _("Raise alarms of kept questions"),
    "ownership.carry_out": _("Give the past its owners"),
    "ownership.changed": _("Ask for a plan of the past's owners"),
    "ownership.plan": _("Hold history against the registry"),
    "events.settle_marks": _("Look which solved findings were seen again"),
    "jobs.prune": _("Forget finished work"),
    "notices.collect": _("Gather notices"),
    "notices.due": _("Send the notices that are due"),
    "notices.recheck": _("Look again at notices held back"),
    "notices.reopened": _("Gather notices of findings that are open again"),
    "notices.send": _("Send a notice"),
    "people.forget": _("Forget old sign-in data"),
    "portal.changed": _("Look which webhooks are to be told"),
    "portal.deliver": _("Send a message to a webhook"),
    "portal.forget": _("Forget old messages to webhooks"),
    "portal.tell": _("Write what a webhook is told"),
    "reference.compile": _("Compile a reference file"),
    "reference.sweep": _("Remove half-loaded reference files"),
    "retention.close": _("Let old files leave the disk, and close the statement"),
    "retention.leave": _("Wait for the readers of old files"),
    "retention.look": _("Look what the rules of retention would do"),
    "retention.run": _("Carry out the rules of retention"),
    "registry.check_certificates": _("Check the OpenPGP keys"),
    "warning.look": _("Look out for what is not as usual"),
}


def words_for(name: str) -> str:
    """The words for the work of this name; the name itself where there are none."""
    return str(WORDS.get(name, name))
