"""What only teams may see: files, feeds and sources, and events without an owner."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from atalaya.apps.events.queries import is_staff
from atalaya.apps.people.models import User
from atalaya.apps.people.rights import asker
from atalaya.core.errors import NotAllowed


def staff_only(request: HttpRequest) -> User:
    """The signed-in user of this request, who works in a team. Raises PermissionDenied for anybody else."""
    user = asker(request)
    if not is_staff(user):
        raise PermissionDenied
    return user


def staff_of_api(request: HttpRequest, what: str) -> User:
    """The same for the API, whose refusal says what the asker may not see, such as "Rules". Raises NotAllowed."""
    user = asker(request)
    if not is_staff(user):
        raise NotAllowed(f"{what} are for a team's own people.")
    return user
