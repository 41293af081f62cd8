"""Connections to PostgreSQL, which come from a pool."""

import threading

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db(transaction=True)


def in_a_thread() -> list[int]:
    """The server process that another thread's connection, back in the pool by now, talked to."""
    pids: list[int] = []

    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pids.extend(cursor.fetchone())
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return pids


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_a_restart_of_postgresql_left_in_the_pool_is_not_handed_out() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        [gone] = in_a_thread()
        cursor.execute("SELECT pg_terminate_backend(%s, 2000)", [gone])
        [fresh] = in_a_thread()
    assert fresh != gone
