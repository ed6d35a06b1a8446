"""The settings of Django. Every value that a person may choose comes from ``config.environment``."""

import tomllib

import django_stubs_ext

from config import engines, home, logs
from config.environment import ROOT, environment
from config.keys import secret_key
from config.web.headers import HSTS_SECONDS

# Makes classes such as ModelAdmin generic at run time, as they are for mypy (docs/adr/0015).
django_stubs_ext.monkeypatch()

home.make(environment.home)
# An address of an embedded engine has its password in it, which is read only if the engine is used.
_engines = engines.locate(environment.home)
_database = engines.django_database(environment.database_url or _engines.database_url)

SECRET_KEY = secret_key(environment)
DEBUG = environment.debug
ALLOWED_HOSTS = list(environment.allowed_hosts) or ["localhost", "127.0.0.1", "[::1]", environment.host]
CSRF_TRUSTED_ORIGINS = list(environment.csrf_trusted_origins) or (
    [environment.public_url] if environment.public_url else []
)
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

INSTALLED_APPS = [
    "console.apps.FramedAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "config.apps.ConfigConfig",
    "core",
    "console.apps.ConsoleConfig",
    "registry",
    "fleet",
    "ingest",
    "analytics",
]

MIDDLEWARE = [
    # First, so that a refusal of any other one has the headers too.
    "config.web.middleware.answer_headers",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.web.middleware.trust_proxies",
    "config.web.middleware.request_ids",
    "config.web.middleware.refuse_nul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.web.middleware.database_outages",
    "config.web.middleware.remove_interrupted_uploads",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.web.middleware.set_request_actor",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # These come before the templates of the apps, because some replace templates of django.contrib.admin.
        "DIRS": [ROOT / "console" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.frame.frame",
            ],
        },
    },
]

# PostgreSQL, embedded or named by DATABASE_URL. A statement or a lock that takes longer is a fault: it ends with an error, and
# does not hold a web thread for ever.
_options = {"connect_timeout": 5, "options": "-c statement_timeout=60000 -c lock_timeout=15000"}
DATABASES = {
    "default": {
        **_database,
        "OPTIONS": _options | _database["OPTIONS"],
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = environment.redis_url or _engines.redis_url
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
# Sessions are rows, so that people stay logged in when Redis loses its data.
SESSION_ENGINE = "django.contrib.sessions.backends.db"

AUTHENTICATION_BACKENDS = ["core.guessing.backend.LimitedBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "/"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
DATETIME_FORMAT = "Y-m-d H:i:s"

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = environment.debug

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = HSTS_SECONDS
SESSION_COOKIE_HTTPONLY = True
# "Strict" would ask people to log in again who follow a link in a message about an alert.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HSTS_SECONDS > 0
if HSTS_SECONDS:
    # Browsers take a cookie with this prefix from this host and over HTTPS only, so no other host of the domain can set it.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"

# Uploads are written to the disk of the home while they arrive, never to memory. The handler also limits their size.
FILE_UPLOAD_HANDLERS = ["registry.storage.upload_limits.CappedUploadHandler"]
FILE_UPLOAD_TEMP_DIR = environment.home / "tmp"
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True, mode=0o700)
DATA_UPLOAD_MAX_MEMORY_SIZE = environment.max_ingest_bytes

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "core.api.authentication.ApiTokenAuthentication",
        "core.api.authentication.PersonAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["core.api.permissions.RolePermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.api.parsing.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.web.problems.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Modelfleet",
    "DESCRIPTION": "Model registry and fleet control plane for edge AI.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    # The schema is open to everybody. With authentication, a request with a revoked token would get 401.
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "VersionStatusEnum": "registry.api.answers.VERSION_STATUSES",
        "VariantStatusEnum": "registry.api.answers.VARIANT_STATUSES",
        "BuildStatusEnum": "registry.api.answers.BUILD_STATUSES",
        "DriftStatusEnum": "analytics.api.drift_answers.STATUSES",
        "AlertStateEnum": "analytics.api.alerts.STATES",
        "DeviceStateEnum": "fleet.api.answers.devices.DEVICE_STATES",
        "DeploymentStateEnum": "fleet.api.answers.devices.DEPLOYMENT_STATES",
        "ReportableStateEnum": "fleet.api.device_bodies.REPORTABLE_STATES",
        "RolloutStateEnum": "fleet.api.answers.rollouts.ROLLOUT_STATES",
    },
}

LOGGING = logs.describe(environment.log_format)

PRODUCT_VERSION = str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
# The settings that the apps read from ``django.conf.settings``. docs/settings.md explains each.
MODELFLEET_HOME = environment.home
PUBLIC_URL = environment.public_url
FILES_PORT = environment.files_port or environment.port + 1
FILES_PUBLIC_URL = environment.files_public_url
TRUSTED_PROXIES = environment.trusted_proxies
S3_ENDPOINT_URL = environment.s3_endpoint_url
S3_PUBLIC_ENDPOINT_URL = environment.s3_public_endpoint_url
S3_BUCKET = environment.s3_bucket
S3_ACCESS_KEY_ID = environment.s3_access_key_id
S3_SECRET_ACCESS_KEY = environment.s3_secret_access_key
S3_REGION = environment.s3_region
SIGNING_KEY = environment.signing_key
MAX_UPLOAD_BYTES = environment.max_upload_bytes
MAX_INGEST_BYTES = environment.max_ingest_bytes
INGEST_BACKLOG_LIMIT = environment.ingest_backlog_limit
DOWNLOAD_URL_SECONDS = environment.download_url_seconds
ASSIGNMENT_SECONDS = environment.assignment_seconds
POLL_AFTER_SECONDS = environment.poll_after_seconds
PROBATION_SECONDS = environment.probation_seconds
PROBATION_INFERENCES = environment.probation_inferences
DEPLOYMENT_LEASE = environment.deployment_lease
UNREACHABLE_AFTER = environment.unreachable_after
ROLLOUT_INTERVAL = environment.rollout_interval
ROLLUP_BUCKET = environment.rollup_bucket
ROLLUP_INTERVAL = environment.rollup_interval
LANDING_RETENTION = environment.landing_retention
DEDUPE_HORIZON = environment.dedupe_horizon
DRIFT_WINDOW = environment.drift_window
DRIFT_OVERDISPERSION = environment.drift_overdispersion
EVALUATION_INTERVAL = environment.evaluation_interval
SANDBOX_MEMORY_BYTES = environment.sandbox_memory_bytes
SANDBOX_SECONDS = environment.sandbox_seconds
BUILD_LEASE = environment.build_lease
BUILD_TIME_PER_VERSION = environment.build_time_per_version
BUILD_CACHE_RETENTION = environment.build_cache_retention
