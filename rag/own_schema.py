"""A schema of its own in the database: the product's tables, empty, while something is measured."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection, models

from realtime.models import Job

NAME = "evaluation"
_LOCK = 7_310_002  # advisory: one measurement at a time


class Busy(Exception):
    """Another process uses the schema."""


@contextmanager
def own_schema() -> Iterator[User]:
    """Until the end, all that this thread reads and writes of documents is in the schema.

    Yields the owner of what will be there. What an ended process left behind is removed first.
    Raises Busy.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            raise Busy("Another evaluation is running. Wait for its end, then start this one.")
        try:
            cursor.execute(f"DROP SCHEMA IF EXISTS {NAME} CASCADE")
            cursor.execute(f"CREATE SCHEMA {NAME}")
            # The extension's types are in the schema after it.
            cursor.execute(f"SET search_path TO {NAME}, public")
            with connection.schema_editor() as editor:
                for model in _models():
                    editor.create_model(model)
            yield User.objects.create_user("evaluation")
        finally:
            cursor.execute("RESET search_path")
            cursor.execute(f"DROP SCHEMA IF EXISTS {NAME} CASCADE")
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _models() -> list[type[models.Model]]:
    own = [model for app in ("documents", "rag") for model in apps.get_app_config(app).get_models()]
    return [User, Job, *own]
