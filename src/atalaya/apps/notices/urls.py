from __future__ import annotations

from django.urls import path

from atalaya.apps.notices import views

app_name = "notices"

urlpatterns = [
    path("", views.notices, name="list"),
    path("<uuid:pk>/", views.notice, name="notice"),
    path("<uuid:pk>/rows.csv", views.rows, name="rows"),
    path("<uuid:pk>/message.eml", views.message, name="message"),
    path("<uuid:pk>/release/", views.release, name="release"),
    path("<uuid:pk>/hold/", views.hold, name="hold"),
    path("<uuid:pk>/now/", views.send_now, name="send_now"),
    path("<uuid:pk>/again/", views.send_again, name="send_again"),
    path("texts/", views.texts, name="texts"),
    path("texts/<slug:topic>/", views.text, name="text"),
    path("keys/<slug:state>.asc", views.key, name="key"),
]
