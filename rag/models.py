"""The index over chunks, and the questions asked of it."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from pgvector.django import VectorField

from documents.models import Chunk, Collection, Document
from realtime.models import Job


class EmbeddingModel(models.Model):
    """A model whose vectors are kept. Vectors of two models are never compared."""

    name = models.CharField(max_length=200, unique=True)
    dimensions = models.PositiveIntegerField()
    base_url = models.CharField(
        max_length=500, blank=True, help_text="Of its server; empty for the model that came along."
    )
    is_current = models.BooleanField(default=False, help_text="Questions are compared by it.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_current"], condition=models.Q(is_current=True), name="one_current_model"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Embedding(models.Model):
    """The unit vector of one chunk by one model, with what searches filter by beside it."""

    model = models.ForeignKey(EmbeddingModel, on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="+")
    chunk = models.ForeignKey(Chunk, on_delete=models.CASCADE, related_name="+")
    vector = VectorField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chunk", "model"], name="embedding_once_per_model")
        ]
        indexes = [models.Index(fields=["owner", "model"], name="embedding_by_owner")]

    def __str__(self) -> str:
        return f"embedding of chunk {self.chunk_id}"


class Indexed(models.Model):
    """A document whose words are in the index: its language, and how much of it there is."""

    document = models.OneToOneField(
        Document, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    language = models.CharField(max_length=8, help_text="Its words are stemmed as those of this.")
    chunks = models.PositiveIntegerField()
    terms = models.PositiveBigIntegerField()

    class Meta:
        verbose_name_plural = "indexed documents"

    def __str__(self) -> str:
        return f"{self.chunks} chunks of document {self.document_id}"


class Posting(models.Model):
    """A term, chunks of a document that it stands in, how often in each, and how many terms each
    has: all that BM25 needs. A row holds so few chunks that the index can hold it, too."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="+")
    term = models.CharField(max_length=64)
    chunks = ArrayField(models.BigIntegerField())
    frequencies = ArrayField(models.SmallIntegerField())
    lengths = ArrayField(models.SmallIntegerField())

    class Meta:
        indexes = [
            models.Index(
                fields=["owner", "term"],
                include=["document", "chunks", "frequencies", "lengths"],
                name="posting_by_term",
            )
        ]

    def __str__(self) -> str:
        return f"{self.term} in document {self.document_id}"


class Query(models.Model):
    """One question to one's documents, with its answer as far as it is written."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="queries"
    )
    # RESTRICT, not PROTECT: deleting the owner deletes both.
    job = models.OneToOneField(Job, on_delete=models.RESTRICT, related_name="query")
    question = models.TextField()
    documents = models.ManyToManyField(
        Document, blank=True, related_name="+", help_text="Ask only these; none means all."
    )
    collections = models.ManyToManyField(
        Collection, blank=True, related_name="+", help_text="Ask those in these as well."
    )
    top_k = models.PositiveSmallIntegerField(default=5)
    answer = models.TextField(blank=True)
    answered_by = models.CharField(
        max_length=200, blank=True, help_text="`extractive`, or the language model's name."
    )
    source = models.CharField(
        max_length=8,
        default="mine",
        help_text="Whose documents: mine, shared, all, or the chosen ones.",
    )
    parts = models.JSONField(default=dict, blank=True, help_text="Parts of the search left out.")
    trace = models.JSONField(default=dict, blank=True, help_text="What each part contributed.")
    readers = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="+", help_text="May look at it."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name_plural = "queries"
        indexes = [models.Index(fields=["owner", "-created_at"], name="query_by_owner")]

    def __str__(self) -> str:
        return self.question[:80]


class FoundPassage(models.Model):
    """A chunk found for a question, as it was then: `[rank]` in the answer refers to it.

    `start` and `end` are characters of page `page`; where the passage runs on to `page_to`,
    `end` is the end of `page`.
    """

    rank = models.PositiveSmallIntegerField()
    chunk = models.ForeignKey(Chunk, null=True, on_delete=models.SET_NULL, related_name="+")
    document = models.ForeignKey(Document, null=True, on_delete=models.SET_NULL, related_name="+")
    document_name = models.CharField(max_length=255)
    page = models.PositiveIntegerField()
    page_to = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    text = models.TextField()
    score = models.FloatField(help_text="Cosine similarity to the question.")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"[{self.rank}] {self.document_name}, page {self.page}"


class Passage(FoundPassage):
    """What was found for a query."""

    query = models.ForeignKey(Query, on_delete=models.CASCADE, related_name="passages")

    class Meta:
        ordering = ("rank",)
        constraints = [models.UniqueConstraint(fields=["query", "rank"], name="passage_rank_once")]
