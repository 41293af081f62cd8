"""Text from outside that the database can keep."""

from typing import Annotated

from pydantic import AfterValidator


def storable(text: str) -> str:
    if text != text.encode("utf-8", "ignore").decode().replace("\0", ""):
        raise ValueError("holds characters that no text has")
    return text


# Without what PostgreSQL refuses: NUL, and halves of surrogate pairs.
Text = Annotated[str, AfterValidator(storable)]
