"""Addresses of the sources."""

from __future__ import annotations

from django.urls import path

from atalaya.apps.collection import views

app_name = "collection"

urlpatterns = [
    path("", views.source_list, name="list"),
    path("add/", views.add, name="add"),
    path("<uuid:pk>/", views.source, name="source"),
    path("<uuid:pk>/edit/", views.edit, name="edit"),
    path("<uuid:pk>/remove/", views.remove, name="remove"),
    path("<uuid:pk>/pause/", views.pause, name="pause"),
    path("<uuid:pk>/now/", views.now, name="now"),
    path("<uuid:pk>/test/", views.test, name="test"),
]
