"""Addresses under portal/."""

from __future__ import annotations

from django.urls import path

from atalaya.apps.portal import views

app_name = "portal"

urlpatterns = [
    path("", views.home, name="home"),
    path("of/<uuid:pk>/", views.organisation, name="organisation"),
]
