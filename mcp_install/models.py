"""Machines of a person's own, servers that can be put there, and the runs that put them there.

A run is an Installation; its state is its job's. A server's builds are its installations: `active`
is the one in use, `previous` the one to go back to.
"""

import uuid

from django.conf import settings
from django.db import models

from mcp_install.seal import SealedField
from realtime.models import Job


class AuthMethod(models.TextChoices):
    KEY = "key", "Private key"
    PASSWORD = "password", "Password"
    ASK = "ask", "Asked for each time"


class SshHost(models.Model):
    """A machine that its owner signs in to.

    `host_key` is the one key it may show, confirmed by its owner; `offered_key` is the last one it
    showed that was not that. Both as in `known_hosts`: type and base64. What lets its owner in is
    sealed; with `ask` it is never here (see `mcp_install.credentials`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="ssh_hosts"
    )
    name = models.CharField(max_length=100)
    hostname = models.CharField(max_length=255)
    port = models.PositiveIntegerField(default=22)
    username = models.CharField(max_length=64)
    auth_method = models.CharField(max_length=16, choices=AuthMethod)
    # RESTRICT, not PROTECT: deleting the owner deletes both.
    jump = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.RESTRICT, related_name="reached"
    )
    private_key = SealedField()
    password = SealedField()
    host_key = models.TextField(blank=True)
    offered_key = models.TextField(blank=True)
    host_key_confirmed_at = models.DateTimeField(null=True, blank=True)
    host_key_confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    facts = models.JSONField(
        default=dict, blank=True, help_text="What the last test found, as `facts.Facts`."
    )
    checked_at = models.DateTimeField(null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    error_code = models.CharField(
        max_length=40, blank=True, help_text="How the last use failed; empty when it did not."
    )
    tidying_until = models.DateTimeField(
        null=True, blank=True, help_text="No run begins before, as an earlier one is tidied up."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="ssh_host_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_trusted(self) -> bool:
        return bool(self.host_key)


class Source(models.TextChoices):
    BUILTIN = "builtin", "Came along"
    REGISTRY = "registry", "Mirrored from a registry"
    IMPORT = "import", "Pasted"


class EntryStatus(models.TextChoices):
    ACTIVE = "active", "Active"
    DEPRECATED = "deprecated", "Deprecated"
    DELETED = "deleted", "Deleted"


class CatalogServer(models.Model):
    """One version of a server that can be installed: a `server.json`, in camelCase.

    Without an owner it is for everybody; what a person pasted is theirs alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="catalog_servers",
    )
    source = models.CharField(max_length=16, choices=Source)
    name = models.CharField(max_length=200)
    version = models.CharField(max_length=255)
    title = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    server_json = models.JSONField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the server.json, in hex.")
    status = models.CharField(max_length=16, choices=EntryStatus, default=EntryStatus.ACTIVE)
    is_latest = models.BooleanField(default=True)
    published_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name", "-created_at")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "owner", "name", "version"],
                nulls_distinct=False,
                name="catalog_version_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class State(models.TextChoices):
    NOT_INSTALLED = "NOT_INSTALLED", "Not installed"
    READY = "READY", "Ready"
    BROKEN = "BROKEN", "Broken"
    REMOVED = "REMOVED", "Removed"


class McpServer(models.Model):
    """A server in a folder of a host: `<directory>/<slug>`.

    `era` is how it spoke when it was verified: `modern` (since 2026-07-28) or `legacy`; with
    `discovery` and `tools` as it gave them then.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mcp_servers"
    )
    host = models.ForeignKey(SshHost, on_delete=models.CASCADE, related_name="servers")
    catalog = models.ForeignKey(
        CatalogServer, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    name = models.CharField(max_length=200, help_text="As in its server.json.")
    title = models.CharField(max_length=200, blank=True)
    directory = models.CharField(max_length=1024)
    slug = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=State, default=State.NOT_INSTALLED)
    active = models.ForeignKey(
        "mcp_install.Installation",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    previous = models.ForeignKey(
        "mcp_install.Installation",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    protocol_version = models.CharField(max_length=32, blank=True)
    era = models.CharField(max_length=8, blank=True)
    discovery = models.JSONField(default=dict, blank=True)
    tools = models.JSONField(default=list, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True, help_text="Why it is broken.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["host", "directory", "slug"], name="mcp_server_place_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.title or self.name} on {self.host}"


class Action(models.TextChoices):
    INSTALL = "install", "Install"
    UPGRADE = "upgrade", "Upgrade"
    VERIFY = "verify", "Check"
    ROLLBACK = "rollback", "Roll back"
    UNINSTALL = "uninstall", "Uninstall"


class Installation(models.Model):
    """One run: the `installId` of events. What its owner confirmed is `plan`, as `plan.Plan`.

    `secrets` is a sealed JSON object, by the names that the plan refers to; `inputs` another, of
    what was given, for the next version. `build` names the folder of the run, and stays over
    retries. `launch` is what starts the server, found when it was verified: a program by its
    absolute path, and its arguments, as the plan has them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="installations"
    )
    # RESTRICT, not PROTECT: deleting the owner deletes both.
    job = models.OneToOneField(Job, on_delete=models.RESTRICT, related_name="installation")
    server = models.ForeignKey(McpServer, on_delete=models.CASCADE, related_name="installations")
    action = models.CharField(max_length=16, choices=Action)
    version = models.CharField(max_length=255, blank=True)
    plan = models.JSONField(default=dict, blank=True)
    plan_hash = models.CharField(max_length=64, blank=True)
    secrets = SealedField()
    inputs = SealedField()
    build = models.CharField(max_length=300, blank=True)
    launch = models.JSONField(default=list, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    new_folders = models.PositiveSmallIntegerField(
        default=0,
        help_text="How many folders were not there before it: the server's own, and those above.",
    )
    has_left = models.BooleanField(
        default=False, help_text="It may have left processes or a half-made build on its host."
    )
    log_length = models.PositiveBigIntegerField(
        default=0, help_text="Characters of output so far, those dropped included."
    )
    log_dropped = models.PositiveBigIntegerField(
        default=0, help_text="Characters dropped from the middle of the log."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["owner", "-created_at"], name="installation_by_owner")]

    def __str__(self) -> str:
        return f"{self.action} {self.server}"


class InstallationLog(models.Model):
    """A piece of a run's output: masked, with its ANSI colours.

    `offset` counts the characters (code points) of the output before it. Where the next piece does
    not follow on, what was between was dropped.
    """

    id = models.BigAutoField(primary_key=True)
    installation = models.ForeignKey(Installation, on_delete=models.CASCADE, related_name="log")
    offset = models.PositiveBigIntegerField()
    attempt = models.PositiveIntegerField()
    stage = models.CharField(max_length=32)
    text = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("offset",)
        constraints = [
            models.UniqueConstraint(fields=["installation", "offset"], name="log_offset_once")
        ]

    def __str__(self) -> str:
        return f"{self.installation_id} from {self.offset}"
