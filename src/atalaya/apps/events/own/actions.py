"""Every write about feeds of one's own: a version is saved, or a feed that nothing was read as is removed."""

from __future__ import annotations

import re

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from atalaya.apps.events.models import Ingest, OwnFeed
from atalaya.apps.people.models import User
from atalaya.apps.records.actions import record
from atalaya.apps.registry import queries as registry
from atalaya.core.errors import BadInput, NotAllowed
from atalaya.core.feeds.checking import run_example
from atalaya.core.feeds.loader import feed_of_text


def save_feed(
    text: str, *, by: User, state: str, sample: str = "", feed: OwnFeed | None = None
) -> OwnFeed:  # fmt: skip
    """Keep a declaration as a feed of a state: a new one, or the next version of `feed`.

    Its example must give what it says. Raises ConfigError for a bad declaration, BadInput for a failing example or a
    code that is taken or another one than before, NotAllowed for a state that is not the author's.
    """
    if state not in registry.scope_of(by).states:
        raise NotAllowed(_("A feed belongs to a state of your own."))
    declared = feed_of_text(text, _("The declaration"))
    if problems := run_example(declared):
        raise BadInput(problems[0], advice=_("Change the example or what it should give."))
    _check_code(declared.code, state, feed)
    with transaction.atomic():
        if feed is None:
            saved = OwnFeed(state_id=state, code=declared.code, version=0)
        else:
            saved = OwnFeed.objects.select_for_update().get(pk=feed.pk)
        saved.name, saved.text, saved.sample = declared.name, text, sample
        saved.version, saved.changed_at, saved.changed_by = saved.version + 1, timezone.now(), by
        saved.save()
        saved.versions.create(version=saved.version, text=text, by=by)
        record(
            "events.feed.saved", by=by, target=saved, detail={"code": saved.code, "version": saved.version}
        )
    return saved


def _check_code(code: str, state: str, feed: OwnFeed | None) -> None:
    """Own codes begin with the state's, so that they are nobody else's, now or after an update of the product."""
    if feed is not None:
        if code != feed.code:
            raise BadInput(_("The code of a feed stays as it is: findings refer to it."))
    elif not re.fullmatch(rf"{state.lower()}-own-[a-z0-9]+(?:-[a-z0-9]+)*", code):
        raise BadInput(
            _("The code of an own feed begins with %(start)s.") % {"start": f"{state.lower()}-own-"}
        )
    elif OwnFeed.objects.filter(code=code).exists():
        raise BadInput(_("There is a feed of this name already."), advice=_("Choose another name."))


def remove_feed(feed: OwnFeed, *, by: User) -> None:
    """Delete a feed that no file was ever read as. Raises BadInput for one that is used."""
    if feed.state_id not in registry.scope_of(by).states:
        raise NotAllowed(_("A feed belongs to a state of your own."))
    if Ingest.objects.filter(feed=feed.code).exists():
        raise BadInput(
            _("Files have been read as this feed: it stays, so that their events can be explained.")
        )
    with transaction.atomic():
        record("events.feed.removed", by=by, target=feed, detail={"code": feed.code})
        feed.delete()
