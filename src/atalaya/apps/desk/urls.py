from __future__ import annotations

from django.urls import path

from atalaya.apps.desk import views, views_picture

app_name = "desk"

urlpatterns = [
    path("", views.home, name="home"),
    path("picture/", views_picture.picture_page, name="picture"),
    path("wall/", views_picture.wall, name="wall"),
]
