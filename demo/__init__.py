"""The composition root: settings, URLs, and the processes that make the product run."""

from demo.celery import app as celery_app

__all__ = ["celery_app"]
