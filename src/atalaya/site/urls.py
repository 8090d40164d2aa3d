"""Every address of the node, by app."""

from __future__ import annotations

from django.urls import include, path

from atalaya.site import api_pages
from atalaya.site.api import api
from atalaya.site.health import health

urlpatterns = [
    path("health", health, name="health"),
    path("api/v1/openapi.json", api_pages.openapi, name="openapi"),
    path("api/v1/docs", api_pages.reference, name="reference"),
    path("api/v1/", api.urls),
    path("", include("atalaya.apps.desk.urls")),
    path("people/", include("atalaya.apps.people.urls")),
    path("registry/", include("atalaya.apps.registry.urls")),
    path("events/", include("atalaya.apps.events.urls")),
    path("ownership/", include("atalaya.apps.ownership.urls")),
    path("warning/", include("atalaya.apps.warning.urls")),
    path("sources/", include("atalaya.apps.collection.urls")),
    path("notices/", include("atalaya.apps.notices.urls")),
    path("portal/", include("atalaya.apps.portal.urls")),
    path("reference/", include("atalaya.apps.reference.urls")),
    path("retention/", include("atalaya.apps.retention.urls")),
    path("jobs/", include("atalaya.apps.jobs.urls")),
    path("records/", include("atalaya.apps.records.urls")),
    path("account/", include("atalaya.apps.people.account_urls")),
]
