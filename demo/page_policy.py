"""What a page may do, as its browser is told: nothing but what comes from us."""

from typing import Any

from csp.constants import NONCE, NONE, SELF, STRICT_DYNAMIC

POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [NONCE, STRICT_DYNAMIC],
        "style-src": [SELF, NONCE],  # the terminal makes its own style sheets
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["demo"],
    }
}
