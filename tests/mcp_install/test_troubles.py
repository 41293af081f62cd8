"""One table of all that can go wrong."""

import ast
import json
from pathlib import Path

from mcp_install import troubles
from mcp_install.look import OF_THE_HOST
from mcp_install.trouble_kinds import KINDS
from mcp_install.troubles import Trouble

APP = Path(__file__).resolve().parents[2] / "mcp_install"


def test_every_trouble_says_what_it_is() -> None:
    for code, kind in KINDS.items():
        assert kind.words[0].isupper(), code
        assert not kind.words.endswith("."), code
        assert not kind.advice or kind.advice.endswith((".", "?")), code
    assert len(KINDS) > 40


def test_no_code_is_used_that_is_not_in_the_table() -> None:
    used = set()
    for path in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            is_trouble = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Trouble"
            if is_trouble and isinstance(node.args[0], ast.Constant):
                used.add(node.args[0].value)
    assert used <= KINDS.keys()
    assert len(used) > 30
    assert KINDS.keys() >= OF_THE_HOST


def test_a_trouble_is_told_from_process_to_process() -> None:
    told = troubles.as_dict(Trouble("bad_env", "PATH", field="environment", more=1))
    again = troubles.from_dict(json.loads(json.dumps(told)))
    assert str(again) == "This environment variable cannot be set: PATH."
    assert (again.field, again.facts) == ("environment", {"more": 1})


def test_a_problem_has_the_code_the_field_and_the_facts() -> None:
    problem = troubles.problem_of(Trouble("bad_host", "a port", field="port", old_port=1))
    assert (problem.status, problem.more) == (422, {"code": "bad_host", "oldPort": 1})
    assert problem.errors == {"port": ["The host cannot be saved as it is: a port."]}
    missing = troubles.problem_of(Trouble("missing_input", "A", errors={"A": ["needed"]}))
    assert (missing.errors, missing.more) == ({"A": ["needed"]}, {"code": "missing_input"})
