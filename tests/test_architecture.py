"""Rules we care about."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin

ROOT = Path(__file__).resolve().parent.parent
OURS = ("demo", "realtime", "documents", "mcp_install", "rag", "chat")
SOURCES = [
    path for app in OURS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts
]
TOP_LEVEL = {
    *OURS, "chat", "mcp_install", "templates", "tests", "bench", "docs",
    "manage.py", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "Makefile",
    "deno.json", "deno.lock", "requirements.txt", "requirements-bench.txt", "requirements-dev.txt",
    "requirements-models.in", "requirements-models.txt", ".ci", ".gitignore",
}  # fmt: skip


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [Path(line) for line in listed.stdout.splitlines()]


def test_nothing_else_is_at_the_top_level() -> None:
    assert {path.parts[0] for path in tracked()} <= TOP_LEVEL


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_short_and_named_for_what_they_do(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300
    assert path.stem not in {
        "utils",
        "helpers",
        "services",
        "manager",
        "managers",
        "misc",
        "common",
    }


def test_workers_never_publish_through_the_channel_layer() -> None:
    for path in SOURCES:
        if path.name != "hub.py":
            assert "group_send" not in path.read_text(), path


def test_nothing_hangs_on_saving() -> None:
    for path in SOURCES:
        assert "post_save" not in path.read_text(), path


def test_no_file_names_a_registry() -> None:
    named = re.compile(r"https?://[^\s\"']*(pypi|pythonhosted|npmjs|jsr\.io|debian\.org)")
    for path in tracked():
        if (
            path.suffix in {".txt", ".in", ".lock", ".toml", ".json", ".cfg"}
            or path.name == "Makefile"
        ):
            text = (ROOT / path).read_text()
            assert not named.search(text), path
            assert "index-url" not in text.replace("--no-emit-index-url", ""), path


def test_every_model_is_in_the_admin() -> None:
    for app in OURS[1:]:
        for model in apps.get_app_config(app).get_models():
            assert admin.site.is_registered(model), model


def test_the_web_process_imports_no_parser_and_no_model() -> None:
    """They are slow to import and large; only workers need them."""
    program = (
        "import sys; from demo.asgi import application; from django.urls import get_resolver; "
        "get_resolver().url_patterns; print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    heavy = {
        "onnxruntime",
        "markitdown",
        "pypdfium2",
        "tokenizers",
        "xllamacpp",
        "openai",
        "magika",
        "asyncssh",
        "mcp",
    }
    assert not heavy & set(loaded.stdout.split())
