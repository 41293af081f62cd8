"""The HTTP API under `/api`: every app's router, one way to sign in, one form of error."""

from ninja import NinjaAPI
from ninja.security import SessionAuth

from documents.api import router as documents
from rag.api import router as rag
from realtime import api as realtime_api
from realtime import problems

api = NinjaAPI(
    title="Workspace API",
    version="1",
    description="JSON in camelCase; errors are problem documents (RFC 9457).",
    auth=SessionAuth(csrf=True),
    docs_url="/docs",
    openapi_url="/openapi.json",
)
problems.install(api)
api.add_router("/session", realtime_api.session)
api.add_router("/realtime", realtime_api.realtime)
api.add_router("/documents", documents)
api.add_router("/rag", rag)
