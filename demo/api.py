"""The HTTP API under `/api`: every app's router, one way to sign in, one form of error."""

from ninja import NinjaAPI

from chat.api import router as chat
from documents.batches_api import router as batches
from documents.bulk_api import router as bulk
from documents.collections_api import router as collections
from documents.reading_api import router as reading
from documents.shares_api import router as shares
from documents.upload_api import router as documents
from mcp_install import api as mcp_hosts
from mcp_install import catalogue_api as mcp_catalogue
from mcp_install import runs_api as mcp_runs
from mcp_install import servers_api as mcp_servers
from mcp_install.troubles import Trouble, problem_of
from rag.api import router as rag
from realtime import access_api, connections_api, problems, self_test_api
from realtime import api as realtime_api
from realtime.api_auth import ANYBODY, PEOPLE

api = NinjaAPI(
    title="Workspace API",
    version="1",
    description="JSON in camelCase; errors are problem documents (RFC 9457).",
    auth=ANYBODY,
    docs_url="/docs",
    openapi_url="/openapi.json",
)
problems.install(api)
problems.told(api, Trouble, problem_of)
api.add_router("/session", realtime_api.session, auth=PEOPLE)
api.add_router("/sessions", access_api.sessions, auth=PEOPLE)
api.add_router("/tokens", access_api.tokens, auth=PEOPLE)
api.add_router("/realtime", realtime_api.realtime)
api.add_router("/", realtime_api.contract)
api.add_router("/realtime/connections", connections_api.router)
api.add_router("/realtime/self-tests", self_test_api.router)
api.add_router("/documents", documents)
api.add_router("/documents", reading)
api.add_router("/mcp", mcp_hosts.router)
api.add_router("/mcp", mcp_catalogue.router)
api.add_router("/mcp", mcp_runs.router)
api.add_router("/mcp", mcp_servers.router)
api.add_router("/documents", shares)
api.add_router("/documents", batches)
api.add_router("/documents", bulk)
api.add_router("/collections", collections)
api.add_router("/rag", rag)
api.add_router("/chat", chat)
