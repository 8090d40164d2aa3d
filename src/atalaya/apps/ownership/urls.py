from __future__ import annotations

from django.urls import path

from atalaya.apps.ownership import views

app_name = "ownership"

urlpatterns = [
    path("", views.attributions, name="list"),
    path("<uuid:pk>/", views.attribution, name="attribution"),
    path("<uuid:pk>/accept/", views.accept, name="accept"),
    path("<uuid:pk>/leave/", views.leave, name="leave"),
]
