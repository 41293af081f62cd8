"""Whose documents a question is asked of, and that filters never starve a search."""

import numpy as np
import pytest
from django.contrib.auth.models import User

from documents.models import Role, Share
from rag import nearest as nearest_module
from rag import process
from rag.ask import ask
from rag.embedder import MiniLM
from rag.index import model_row
from rag.lexical import asked_terms
from rag.limits import Limits
from rag.models import Embedding, Indexed
from rag.nearest import nearest
from rag.retrieve import find
from rag.scope import Scope, corpus_of, scope_of
from realtime.models import Job, Status
from tests.rag.conftest import Ready
from tests.rag.test_retrieve import BEES, SHIPS

EMBEDDER = MiniLM()
QUESTION = "How many eggs does a queen lay?"


def names(scope: Scope) -> list[str]:
    vector = EMBEDDER.embed_question(QUESTION)
    found = find(scope, QUESTION, vector, EMBEDDER).passages
    return sorted(passage.document_name for passage in found)


def test_what_is_shared_with_me_is_searched_when_i_ask_for_it(
    ann: User, bob: User, ready: Ready
) -> None:
    lent = ready(bob, "lent.txt", BEES)
    secret = ready(bob, "secret.txt", "Queens of bob lay eggs. " + SHIPS)
    ready(ann, "own.txt", "A queen of ann lays eggs, too.")
    Share.objects.create(document=lent, user=ann, role=Role.VIEWER)
    assert names(scope_of(ann.pk)) == ["own.txt"]
    assert names(scope_of(ann.pk, source="shared")) == ["lent.txt"]
    assert names(scope_of(ann.pk, source="all")) == ["lent.txt", "own.txt"]
    assert names(scope_of(ann.pk, Limits((lent.pk,)))) == ["lent.txt"]
    assert names(scope_of(ann.pk, Limits((secret.pk,)))) == []
    assert names(scope_of(ann.pk, source="chosen")) == []
    Share.objects.all().delete()
    assert names(scope_of(ann.pk, source="all")) == ["own.txt"]
    assert names(scope_of(ann.pk, Limits((lent.pk,)))) == []


def test_a_question_can_be_asked_of_what_is_shared(ann: User, bob: User, ready: Ready) -> None:
    assert process.why_nothing(ann.pk, source="shared") == "Nobody has shared a document with you."
    lent = ready(bob, "lent.txt", BEES)
    Share.objects.create(document=lent, user=ann, role=Role.VIEWER)
    assert process.why_nothing(ann.pk, source="shared") == ""
    assert process.why_nothing(ann.pk, source="mine") == process.NO_DOCUMENTS
    assert ask(ann, QUESTION, source="shared").source == "shared"
    assert ask(ann, QUESTION, [lent.pk]).source == "chosen"


def test_a_document_in_work_again_hides_no_other(ann: User, ready: Ready) -> None:
    again = ready(ann, "again.txt", "\n\n".join(f"Queen {n} lays eggs." for n in range(300)))
    ready(ann, "bees.txt", BEES)
    Job.objects.filter(pk=again.job_id).update(status=Status.RUNNING)
    assert names(scope_of(ann.pk)) == ["bees.txt"]


def test_few_among_many_are_found_by_the_index_too(
    ann: User, bob: User, ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest_module, "MOST_EXACT", 0)
    mine = ready(ann, "bees.txt", BEES)
    others = ready(bob, "others.txt", BEES)
    chunk, model = others.chunks.get(), model_row(EMBEDDER)
    Embedding.objects.filter(document=others).delete()
    other_rows = np.random.default_rng(1).normal(size=(1500, 384)).astype(np.float32)
    near = EMBEDDER.embed_question(QUESTION) * 40 + other_rows
    # A chunk has one vector by a model: the rows of others are made chunk by chunk.
    rows = [
        type(chunk)(document=others, index=n, page=1, page_to=1, start=0, end=1, text="x")
        for n in range(1, 1501)
    ]
    made = type(chunk).objects.bulk_create(rows)
    Embedding.objects.bulk_create(
        Embedding(model=model, owner=bob, document=others, chunk=row, vector=vector)
        for row, vector in zip(made, near, strict=True)
    )
    scope = scope_of(ann.pk)
    vector = EMBEDDER.embed_question("What is a lighthouse made of?")
    assert nearest(scope, corpus_of(scope), vector, model, 10) == [mine.chunks.get().pk]


def test_words_are_stemmed_as_those_of_the_document_s_language(ann: User, ready: Ready) -> None:
    ready(ann, "de.txt", "Die Häuser der Stadt wurden im Jahr 1872 von den Fischern gebaut.")
    ready(ann, "en.txt", "The houses of the town were built by the fishermen.")
    assert set(Indexed.objects.values_list("language", flat=True)) == {"de", "en"}
    corpus = corpus_of(scope_of(ann.pk))
    assert {"haus", "fischern", "fisch"} & set(
        asked_terms("Wer baute das Haus der Fischer?", corpus)
    )
    found = find(scope_of(ann.pk), "Welches Haus?", None, EMBEDDER)
    assert [passage.document_name for passage in found.passages] == ["de.txt"]
