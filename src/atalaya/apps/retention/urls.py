from __future__ import annotations

from django.urls import path

from atalaya.apps.retention import views

app_name = "retention"

urlpatterns = [
    path("", views.home, name="home"),
    path("rules/add/", views.add_rule, name="add_rule"),
    path("rules/<uuid:pk>/", views.edit_rule, name="edit_rule"),
    path("rules/<uuid:pk>/remove/", views.remove_rule, name="remove_rule"),
    path("suggest/", views.suggest, name="suggest"),
    path("look/", views.look, name="look"),
    path("apply/", views.apply, name="apply"),
    path("pause/", views.pause, name="pause"),
    path("holds/add/", views.add_hold, name="add_hold"),
    path("holds/<uuid:pk>/end/", views.end_hold, name="end_hold"),
    path("runs/<uuid:pk>/", views.run, name="run"),
    path("runs/<uuid:pk>/statement.json", views.proof, name="proof"),
]
