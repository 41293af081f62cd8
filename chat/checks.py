"""Settings that cannot work, told when the product starts."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.utils.module_loading import import_string


def tool_provider(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Is what `TOOL_PROVIDER` names there, and a provider?"""
    path = settings.TOOL_PROVIDER
    try:
        found = import_string(path)
    except ImportError as error:
        problem = f"TOOL_PROVIDER cannot be imported: {path} ({error})."
    else:
        if callable(getattr(found, "servers", None)) and callable(getattr(found, "call", None)):
            return []
        problem = f"TOOL_PROVIDER is no provider of tools: {path} lacks servers() or call()."
    hint = "Name a class by its path, such as mcp_install.provider.InstalledServers."
    return [Error(problem, hint=hint, id="chat.E001")]
