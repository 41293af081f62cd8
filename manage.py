#!/usr/bin/env python
"""The command line: `manage.py up` runs everything, `manage.py help` lists the rest."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db import OperationalError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        from django.conf import settings  # only now is it known to import

        if settings.DATABASE_IS_KNOWN:
            sys.exit(f"PostgreSQL does not answer: {str(error).splitlines()[0]}")
        sys.exit("The stack is not running. Start it with `make run`, or set DATABASE_URL.")


if __name__ == "__main__":
    main()
