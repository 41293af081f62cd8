"""What a page may do: the strict policy of `page_policy`, loosened for two pages that are not ours.

The scripts of the Django admin and of the API's documentation carry no nonce and write HTML as
text, so there scripts may come from our origin, and strings are not checked.
"""

from csp.constants import SELF
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase

_OTHERS = ("/admin/", "/api/docs")
_LOOSENED = {
    "script-src": [SELF],
    "img-src": [SELF, "data:"],
    "require-trusted-types-for": None,
    "trusted-types": None,
}


class ContentSecurityPolicy(CSPMiddleware):
    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith(_OTHERS):
            parts.replace = {**(parts.replace or {}), **_LOOSENED}
        return parts
