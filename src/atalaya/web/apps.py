from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "atalaya.web"
    label = "web"
