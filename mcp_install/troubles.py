"""What goes wrong between a person and a host, as it is raised and told."""

from typing import Any

from pydantic.alias_generators import to_camel

from mcp_install.trouble_kinds import KINDS, Kind
from realtime.problems import Problem
from realtime.work import Failure


class Trouble(Failure):
    """Ends what was being done; `str()` is what the person is told.

    `detail` completes the words: what exactly, or what the host said. `facts` is for programs.
    """

    def __init__(self, code: str, detail: str = "", *, field: str = "", **facts: Any) -> None:
        self.code, self.detail, self.field, self.facts = code, detail, field, facts
        super().__init__(" ".join(part for part in (self.words, self.kind.advice) if part))

    @property
    def kind(self) -> Kind:
        return KINDS[self.code]

    @property
    def words(self) -> str:
        """What is the matter, without the advice."""
        if not self.detail:
            return f"{self.kind.words}."
        return f"{self.kind.words}: {self.detail.rstrip('.')}."


def problem_of(trouble: Trouble) -> Problem:
    """For the HTTP API. `facts` are extension members, but for `errors`, by field."""
    facts = dict(trouble.facts)
    errors = facts.pop("errors", None)
    if trouble.field and not errors:
        errors = {trouble.field: [str(trouble)]}
    extension = {to_camel(name): value for name, value in facts.items()}
    title = trouble.kind.words
    return Problem(trouble.kind.status, title, str(trouble), errors, code=trouble.code, **extension)


def from_dict(told: dict[str, Any]) -> Trouble:
    """The trouble that `as_dict` told of in another process."""
    return Trouble(told["code"], told["detail"], field=told["field"], **told["facts"])


def as_dict(trouble: Trouble) -> dict[str, Any]:
    return {
        "code": trouble.code,
        "detail": trouble.detail,
        "field": trouble.field,
        "facts": trouble.facts,
    }
