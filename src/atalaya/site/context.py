"""What every template knows: the node and the places a user may go."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def node(request: HttpRequest) -> dict[str, Any]:
    """Template context: the node's name and state."""
    return {"node": settings.CONFIG.node}
