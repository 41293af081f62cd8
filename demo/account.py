"""The settings page: my password, where I am signed in, the tokens of my programs, and the tools
that I always allow."""

import re
from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from chat.models import ToolPermission
from realtime.access_api import is_current, letting_in
from realtime.models import ApiToken, Scope
from realtime.pages import Context, live_page, owner

# The first that fits: most browsers also name those that they descend from.
_BROWSERS = (
    ("Edge", "Edg/"), ("Opera", "OPR/"), ("Firefox", "Firefox/"), ("Chromium", "HeadlessChrome/"),
    ("Chrome", "Chrome/"), ("Safari", "Safari/"),
)  # fmt: skip
_SYSTEMS = (
    ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"),
    ("macOS", "Mac OS X"), ("ChromeOS", "CrOS"), ("Linux", "Linux"),
)  # fmt: skip


def device_words(user_agent: str) -> str:
    """ "Firefox on Windows"; the name of a program; or that it is not known."""
    browser = next((name for name, mark in _BROWSERS if mark in user_agent), "")
    system = next((name for name, mark in _SYSTEMS if mark in user_agent), "")
    if not browser:
        program = re.match(r"[\w.-]+", user_agent)
        browser = program[0] if program else "Unknown device"
    return f"{browser} on {system}" if system else browser


@require_safe
@live_page("demo/settings.html")
def settings_page(request: HttpRequest) -> Context:
    form = PasswordChangeForm(owner(request))
    del form.fields["old_password"].widget.attrs["autofocus"]  # the page is not only about it
    return {**_access(request), "form": form}


@require_safe
@live_page("demo/_access.html")
def access_part(request: HttpRequest) -> Context:
    return _access(request)


def _access(request: HttpRequest) -> dict[str, Any]:
    person = owner(request)
    sessions = [
        {
            "row": session,
            "device": device_words(session.user_agent),
            "current": is_current(request, session),
        }
        for session in letting_in(person)
    ]
    sessions.sort(key=lambda session: not session["current"])
    return {
        "sessions": sessions,
        "tokens": ApiToken.objects.filter(owner=person),
        "scopes": Scope.choices,
        "permissions": ToolPermission.objects.filter(owner=person),
    }


@sensitive_post_parameters()
@require_POST
def change_password(request: HttpRequest) -> HttpResponse:
    """Keeps this session and ends the others; their sockets are cut by the database's news."""
    if not request.user.is_authenticated:
        return redirect("sign-in")
    form = PasswordChangeForm(owner(request), request.POST)
    if not form.is_valid():
        return _with_errors(request, form)
    with transaction.atomic():  # so that nobody sees this session without its new hash
        update_session_auth_hash(request, form.save())
        request.session.save()
    messages.success(request, "Your password is changed. You are signed out everywhere else.")
    return redirect("settings")


def _with_errors(request: HttpRequest, form: PasswordChangeForm) -> HttpResponse:
    @live_page("demo/settings.html")
    def page(request: HttpRequest) -> Context:
        return {**_access(request), "form": form}

    return page(request)
