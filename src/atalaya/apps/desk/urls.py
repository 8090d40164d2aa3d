from __future__ import annotations

from django.urls import path

from atalaya.apps.desk import views

app_name = "desk"

urlpatterns = [path("", views.home, name="home")]
