"""One attempt of a job speaks, as fast as it can, until stdin ends; then it says that it is done.

manage.py shell --command "from tests.chaos.attempts import speak; speak(ATTEMPT, SUBJECT, JOB)"
"""

import itertools
import sys
import threading
import time

from django.contrib.auth.models import User

from documents.events import DocumentStatus
from realtime.models import Job, Status
from realtime.publish import publish

OFTEN = 0.005  # seconds between two events
SURE_EACH = 3  # every so many events must not be lost


def speak(attempt: int, subject: str, job_id: str) -> None:
    user = User.objects.get(username="ann")
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set())).start()
    for number in itertools.count(1):
        last = ended.is_set()
        status = Status.DONE if last else Status.RUNNING
        event = DocumentStatus(
            document_id=subject,
            status="READY" if last else "PROCESSING",
            progress=1,
            message=f"{attempt}.{number}",
            stage="EMBEDDING",
            attempt=attempt,
            terminal=last,
        )
        job = Job(pk=job_id, owner=user, attempt=attempt, status=status)
        publish(user.pk, event, durable=last or number % SURE_EACH == 0, job=job)
        if last:
            return
        time.sleep(OFTEN)
