"""The pages of a person's servers."""

from django.http import HttpRequest
from django.views.decorators.http import require_safe

from mcp_install.models import McpServer, SshHost
from realtime.pages import Context, live_page, owner


@require_safe
@live_page("mcp_install/servers.html")
def servers_page(request: HttpRequest) -> Context:
    servers = McpServer.objects.filter(owner=owner(request)).select_related("host")
    return {"servers": servers, "has_host": SshHost.objects.filter(owner=owner(request)).exists()}
