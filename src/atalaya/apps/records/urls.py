from __future__ import annotations

from django.urls import path

from atalaya.apps.records import views

app_name = "records"

urlpatterns = [
    path("", views.records, name="list"),
    path("<int:seq>/", views.record, name="record"),
]
