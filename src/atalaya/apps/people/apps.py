from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "atalaya.apps.people"
    label = "people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to what allauth says about second factors, as it has no hook for it. Our own apps use no signals."""
        from allauth.mfa import signals

        from atalaya.apps.people import adapter

        signals.authenticator_added.connect(adapter.note_added)
        signals.authenticator_removed.connect(adapter.note_removed)
        signals.authenticator_reset.connect(adapter.note_renewed)
        signals.authentication_failed.connect(adapter.note_refused)
