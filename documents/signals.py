"""What a higher app may react to."""

from django.dispatch import Signal

# A document's chunks are stored: `document` (Document) is to be indexed, from 25 to 100 percent of
# `report` (Report). A receiver runs inside the job, in the worker; what it raises fails the job.
chunked = Signal()

# A document, `old`, is about to go, because its new version, `new`, is READY; in the transaction.
replaced = Signal()
