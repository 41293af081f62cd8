"""What people upload, whom they share it with, and what was read from it."""

import uuid
from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from documents.cut import OVERLAP, TOKENS, Cut
from documents.events import status_of
from realtime.models import Job

MOST_SOURCE = 1000  # characters: as much as an index takes
EXTRACTING, CHUNKING = "EXTRACTING", "CHUNKING"  # what `Document.stored_stage` may be


def stored_path(document: "Document", _filename: str) -> str:
    """Where the upload is kept: by id alone, never by a name that a person chose."""
    return f"documents/{document.id.hex[:2]}/{document.id}"


BY_NAME = (Lower("name"), "id")  # to be asked for where rows are counted: grouping has no order


class Collection(models.Model):
    """Documents of one owner under a name. Whoever it is shared with sees all that is in it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="collections"
    )
    name = models.CharField(max_length=100)
    chunk_tokens = models.PositiveSmallIntegerField(default=TOKENS)
    chunk_overlap = models.PositiveSmallIntegerField(default=OVERLAP)
    created_at = models.DateTimeField(auto_now_add=True)

    role: str  # of the user for whom `documents.access` found it

    class Meta:
        ordering = BY_NAME
        constraints = [models.UniqueConstraint("owner", Lower("name"), name="collection_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def cut(self) -> Cut:
        """How what comes into it is cut into chunks."""
        return Cut(self.chunk_tokens, self.chunk_overlap)


class Batch(models.Model):
    """Files that come in together, as many as were announced; see `documents.batches`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="batches"
    )
    total = models.PositiveIntegerField(help_text="Files that were announced.")
    arrived = models.PositiveIntegerField(default=0, help_text="Files that came.")
    skipped = models.PositiveIntegerField(default=0, help_text="Of these, there already.")
    refused = models.PositiveIntegerField(default=0, help_text="Of these, not taken in.")
    lost = models.PositiveIntegerField(default=0, help_text="Of those, never sent.")
    created_at = models.DateTimeField(auto_now_add=True)
    arrived_at = models.DateTimeField(help_text="When the last file came.")
    told_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name_plural = "batches"
        indexes = [
            models.Index(fields=["owner"], condition=models.Q(ended_at=None), name="batch_open")
        ]

    def __str__(self) -> str:
        return f"{self.total} files"


class Document(models.Model):
    """An upload. Its state is its job's state; its text is in its pages and chunks."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="documents"
    )
    # RESTRICT, not PROTECT: deleting the owner deletes both.
    job = models.OneToOneField(Job, on_delete=models.RESTRICT, related_name="document")
    name = models.CharField(max_length=255)
    media_type = models.CharField(max_length=127, blank=True, help_text="Found in the content.")
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    file = models.FileField(upload_to=stored_path, max_length=200)
    page_count = models.PositiveIntegerField(default=0)
    chunk_count = models.PositiveIntegerField(default=0)
    collection = models.ForeignKey(
        Collection, null=True, blank=True, on_delete=models.SET_NULL, related_name="documents"
    )
    source = models.CharField(
        max_length=MOST_SOURCE, blank=True, help_text="The file that `ingest` took it from."
    )
    batch = models.ForeignKey(
        Batch, null=True, blank=True, on_delete=models.SET_NULL, related_name="documents"
    )
    replaced_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="replaces",
        help_text="The new version, which takes this one's place when it is READY.",
    )  # fmt: skip
    chunk_tokens = models.PositiveSmallIntegerField(default=TOKENS)
    chunk_overlap = models.PositiveSmallIntegerField(default=OVERLAP)
    stored_stage = models.CharField(
        max_length=16, blank=True, help_text="The last stage whose outcome is in rows."
    )
    timings = models.JSONField(
        default=dict, blank=True, help_text="Milliseconds of the stages whose outcome is in rows."
    )
    notes = models.JSONField(
        default=list, blank=True, help_text="What of it could not be read, in words."
    )
    needs_password = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    role: str  # of the user for whom `documents.access` found it

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="document_by_owner"),
            models.Index(fields=["owner", "sha256"], name="document_by_content"),
            models.Index(
                fields=["owner", "source"],
                condition=~models.Q(source=""),
                name="document_by_source",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def status(self) -> str:
        """QUEUED, PROCESSING, READY, FAILED or CANCELLED: its job's state in a document's words."""
        return status_of(self.job)

    @property
    def cut(self) -> Cut:
        return Cut(self.chunk_tokens, self.chunk_overlap)

    @property
    def suffix(self) -> str:
        return Path(self.name).suffix.lower()


class Role(models.TextChoices):
    """What somebody may do with another's document or collection; see `documents.access`."""

    VIEWER = "viewer", "Viewer"
    EDITOR = "editor", "Editor"


class Share(models.Model):
    """A document, or a collection with all that is in it, that its owner lets another person see.

    Changed only by `documents.sharing`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    document = models.ForeignKey(
        Document, null=True, blank=True, on_delete=models.CASCADE, related_name="shares"
    )
    collection = models.ForeignKey(
        Collection, null=True, blank=True, on_delete=models.CASCADE, related_name="shares"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=8, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("created_at", "id")
        constraints = [
            models.UniqueConstraint(fields=["document", "user"], name="shared_once_with_a_person"),
            models.UniqueConstraint(
                fields=["collection", "user"], name="collection_once_with_a_person"
            ),
            models.CheckConstraint(
                condition=models.Q(document=None) ^ models.Q(collection=None),
                name="one_thing_is_shared",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.document_id or self.collection_id}, {self.role} for user {self.user_id}"


class Page(models.Model):
    """The text of one page; long texts of formats without pages are divided. Numbered from 1.

    `title` names it where a number says little: a sheet, a chapter, a file in an archive.
    `start` is the offset of the page's first character in the document's text, which is all pages
    joined by one line break.
    """

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="pages")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=255, blank=True)
    start = models.PositiveIntegerField()
    text = models.TextField(blank=True)

    class Meta:
        ordering = ("number",)
        constraints = [
            models.UniqueConstraint(fields=["document", "number"], name="page_number_once")
        ]

    def __str__(self) -> str:
        return f"{self.document.name}, page {self.number}"


class Chunk(models.Model):
    """A retrievable piece of a document.

    `text` is exactly the document's text from `start` to `end` (characters, half open);
    it begins on `page` and ends on `page_to`.
    """

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="chunks")
    index = models.PositiveIntegerField()
    page = models.PositiveIntegerField()
    page_to = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    text = models.TextField()

    class Meta:
        ordering = ("index",)
        constraints = [
            models.UniqueConstraint(fields=["document", "index"], name="chunk_index_once")
        ]

    def __str__(self) -> str:
        return f"{self.document.name}, chunk {self.index}"
