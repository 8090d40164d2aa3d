from __future__ import annotations

from django.urls import path

from atalaya.apps.reference import views

app_name = "reference"

urlpatterns = [
    path("", views.files, name="list"),
    path("load/", views.load, name="load"),
    path("<uuid:pk>/", views.file, name="file"),
    path("<uuid:pk>/remove/", views.remove, name="remove"),
]
