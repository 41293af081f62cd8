"""What higher apps may react to."""

from django.dispatch import Signal

ended = Signal()
"""A job ended, however it ended; sent with `job` after the commit, in the process that ended it. A
process that dies in between sends nothing: who must not miss an end looks for it now and then."""
