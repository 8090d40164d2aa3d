"""Whether the web server runs: asked by the supervisor and by monitoring, without signing in."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse


@login_not_required
def health(_request: HttpRequest) -> HttpResponse:
    """200 and nothing about the node."""
    return HttpResponse("ok\n", content_type="text/plain")
