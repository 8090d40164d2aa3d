from __future__ import annotations

from django.urls import path

from atalaya.apps.jobs import views

app_name = "jobs"

urlpatterns = [
    path("", views.jobs, name="list"),
    path("<uuid:pk>/", views.job, name="job"),
    path("<uuid:pk>/retry/", views.retry, name="retry"),
    path("<uuid:pk>/discard/", views.discard, name="discard"),
]
