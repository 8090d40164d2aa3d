from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "atalaya.apps.notices"
    label = "notices"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from atalaya.apps.events import extras
        from atalaya.apps.notices.about import notices_about

        extras.register(notices_about)
