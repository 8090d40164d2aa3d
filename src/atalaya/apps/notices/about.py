"""What this app adds to the page of a finding."""

from __future__ import annotations

from atalaya.apps.events.extras import Extra
from atalaya.apps.events.models import Finding
from atalaya.apps.notices import queries
from atalaya.apps.notices.listing import notice_url
from atalaya.apps.registry.queries import Asker


def notices_about(user: Asker, finding: Finding) -> list[Extra]:
    """The notices that speak of a finding, the latest first, as the user may see."""
    return [
        Extra(
            label=notice.recipient or notice.organisation.name,
            url=notice_url(notice),
            status=notice.get_status_display(),
            at=notice.sent_at,
        )
        for notice in queries.about(user, finding.key).order_by("-created_at")[:20]
    ]
