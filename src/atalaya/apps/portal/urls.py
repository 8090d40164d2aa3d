"""Addresses under portal/."""

from __future__ import annotations

from django.urls import path

from atalaya.apps.portal import views, views_changes, views_files

app_name = "portal"

urlpatterns = [
    path("", views.home, name="home"),
    path("of/<uuid:pk>/", views.organisation, name="organisation"),
    path("of/<uuid:pk>/networks/propose/", views_changes.propose_network, name="propose_network"),
    path("of/<uuid:pk>/contacts/propose/", views_changes.propose_contact, name="propose_contact"),
    path("ours/", views_changes.ours, name="ours"),
    path("rows/<uuid:pk>/change/", views_changes.change, name="change"),
    path("rows/<uuid:pk>/remove/", views_changes.remove, name="remove"),
    path("proposals/", views_changes.proposals, name="proposals"),
    path("proposals/<uuid:pk>/", views_changes.proposal, name="proposal"),
    path("proposals/<uuid:pk>/decide/", views_changes.decide, name="decide"),
    path("proposals/<uuid:pk>/withdraw/", views_changes.withdraw, name="withdraw"),
    path("report/", views_files.reports, name="report"),
    path("connections/", views_files.connections, name="connections"),
    path("webhooks/<uuid:pk>/", views_files.webhook, name="webhook"),
    path("webhooks/<uuid:pk>/secret/", views_files.renew_webhook, name="renew_webhook"),
    path("webhooks/<uuid:pk>/try/", views_files.try_webhook, name="try_webhook"),
    path("webhooks/<uuid:pk>/remove/", views_files.remove_webhook, name="remove_webhook"),
]
