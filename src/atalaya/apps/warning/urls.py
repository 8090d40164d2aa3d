from __future__ import annotations

from django.urls import path

from atalaya.apps.warning import views

app_name = "warning"

urlpatterns = [
    path("", views.alarms, name="list"),
    path("trends/", views.trends_page, name="trends"),
    path("muted/", views.mutes, name="mutes"),
    path("muted/<uuid:pk>/end/", views.unmute, name="unmute"),
    path("<uuid:pk>/", views.alarm, name="alarm"),
    path("<uuid:pk>/seen/", views.seen, name="seen"),
    path("<uuid:pk>/judge/", views.judge, name="judge"),
    path("<uuid:pk>/mute/", views.mute, name="mute"),
]
