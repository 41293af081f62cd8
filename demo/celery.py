"""The Celery application."""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")

app = Celery("demo")
app.config_from_object("django.conf:settings", namespace="CELERY")


@celeryd_init.connect
def import_tasks(**_: Any) -> None:
    """Only workers: parsers and models are slow to import, and nobody else runs tasks."""
    app.autodiscover_tasks(force=True)
