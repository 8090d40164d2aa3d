"""Django settings, derived from the node's configuration."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext_lazy as _

from atalaya.core.errors import ConfigError
from atalaya.site import config as configuration
from atalaya.site import secrets

CONFIG = configuration.load()
PACKAGE = Path(__file__).resolve().parent.parent

SECRET_KEY = secrets.django_key(CONFIG.data)
DEBUG = False
ALLOWED_HOSTS = [
    "localhost",
    "127.0.0.1",
    "[::1]",
    *CONFIG.web.hosts,
    *filter(None, [urlsplit(CONFIG.url).hostname]),
]
CSRF_TRUSTED_ORIGINS = [CONFIG.url]
ROOT_URLCONF = "atalaya.site.urls"
WSGI_APPLICATION = "atalaya.site.wsgi.application"
AUTH_USER_MODEL = "people.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "atalaya.web",
    "atalaya.apps.records",
    "atalaya.apps.jobs",
    "atalaya.apps.people",
    "atalaya.apps.registry",
    "atalaya.apps.reference",
    "atalaya.apps.events",
    "atalaya.apps.collection",
    "atalaya.apps.ownership",
    "atalaya.apps.warning",
    "atalaya.apps.notices",
    "atalaya.apps.portal",
    "atalaya.apps.retention",
    "atalaya.apps.desk",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "atalaya.web.middleware.while_there_is_room",
    "atalaya.web.middleware.security_headers",
    "atalaya.web.problem.for_programs",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "atalaya.apps.people.middleware.SignInRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "atalaya.site.context.node",
            ],
            "builtins": ["atalaya.web.templatetags.ui"],
        },
    }
]


def _database(url: str, data: Path) -> dict[str, object]:
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": data / "atalaya.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
            },
        }
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ConfigError(
            "[database] url does not start with postgresql://.", advice="Leave it empty to use SQLite."
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": parts.port or 5432,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


DATABASES = {"default": _database(CONFIG.database.url, CONFIG.data)}

LANGUAGE_CODE = CONFIG.node.language
LANGUAGES = [("en", _("English")), ("es", _("Spanish")), ("fr", _("French")), ("pt-br", _("Portuguese"))]
LOCALE_PATHS = [PACKAGE / "web" / "locale"]
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = CONFIG.node.timezone
USE_TZ = True
USE_I18N = True

STATIC_URL = "static/"
STATIC_ROOT = CONFIG.data / "static"
STATICFILES_DIRS = [PACKAGE / "web" / "static"]
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "atalaya.web.statics.HashedStatics"},
}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"

# Signing in: docs/decisions/040-sign-in.md says why. Nobody signs up, nothing depends on mail.
ACCOUNT_ADAPTER = "atalaya.apps.people.adapter.AccountAdapter"
ACCOUNT_FORMS = {"login": "atalaya.apps.people.forms.SignInForm"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = {
    # A failed sign-in counts for the address it came from and for the account, whether that exists or not.
    "login_failed": "10/m/ip,50/h/ip,5/10m/key",
    "login": "30/m/ip",
    "change_password": "5/m/user",
    "reauthenticate": "10/m/user",
}
MFA_ADAPTER = "atalaya.apps.people.adapter.FactorAdapter"
MFA_FORMS = {
    "authenticate": "atalaya.apps.people.forms.CodeForm",
    "reauthenticate": "atalaya.apps.people.forms.ConfirmCodeForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = CONFIG.node.name
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
# The counters of the rate limits must be the same in every process and after a restart.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "people_sharing",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

SECURE_TLS = CONFIG.url.startswith("https://")
SESSION_COOKIE_SECURE = SECURE_TLS
CSRF_COOKIE_SECURE = SECURE_TLS
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_TLS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if CONFIG.web.behind_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_TEMP_DIR = None

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
            "datefmt": "%Y-%m-%dT%H:%M:%S%z",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
}
