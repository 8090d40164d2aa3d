"""Addresses under people/."""

from __future__ import annotations

from django.urls import path

from atalaya.apps.people import views

app_name = "people"

urlpatterns = [
    path("", views.people, name="list"),
    path("add/", views.add, name="add"),
    path("me/", views.me, name="me"),
    path("me/tokens/add/", views.add_token, name="add_token"),
    path("me/sessions/end/", views.end_other_sessions, name="end_other_sessions"),
    path("tokens/<uuid:pk>/revoke/", views.revoke_token, name="revoke_token"),
    path("sessions/<int:pk>/end/", views.end_session, name="end_session"),
    path("<uuid:pk>/", views.person, name="person"),
    path("<uuid:pk>/password/", views.reset_password, name="reset_password"),
    path("<uuid:pk>/factors/remove/", views.remove_factors, name="remove_factors"),
    path("<uuid:pk>/close/", views.close, name="close"),
    path("<uuid:pk>/open/", views.reopen, name="open"),
]
