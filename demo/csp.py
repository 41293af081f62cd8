"""What a page may do: the strict policy of `settings`, loosened for the Django admin alone.

The admin's own scripts carry no nonce and its jQuery writes HTML as text, so there scripts may come
from our origin, and strings are not checked.
"""

from csp.constants import SELF
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase

_ADMIN = {"script-src": [SELF], "require-trusted-types-for": None, "trusted-types": None}


class ContentSecurityPolicy(CSPMiddleware):
    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith("/admin/"):
            parts.replace = {**(parts.replace or {}), **_ADMIN}
        return parts
