from django.apps import AppConfig


class OwnershipConfig(AppConfig):
    name = "atalaya.apps.ownership"
    label = "ownership"
    default_auto_field = "django.db.models.BigAutoField"
