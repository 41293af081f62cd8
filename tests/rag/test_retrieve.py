"""The index and retrieval on real PostgreSQL with the real embedder."""

import pytest
from django.contrib.auth.models import User
from django.db import connection

from documents.intake import remove
from documents.process import process
from rag import index, lexical
from rag.embedder import MiniLM
from rag.index import index_document, model_row
from rag.limits import Limits
from rag.models import Embedding, EmbeddingModel, Indexed, Posting
from rag.peers import BareBM25
from rag.retrieve import Passage, fuse, retrieve
from rag.scope import corpus_of, scope_of
from realtime.models import Job, Status
from realtime.work import Cancelled, SilentReport
from tests.rag.conftest import Ready

EMBEDDER = MiniLM()
BEES = "Honey bees live in colonies. A queen bee lays up to 2,000 eggs a day."
SHIPS = "The harbour was built in 1872. Its lighthouse is 31 metres tall."


def find(owner: User, question: str, **options: object) -> list[Passage]:
    vector = EMBEDDER.embed_question(question)
    return retrieve(owner.pk, question, vector, EMBEDDER, **options)  # type: ignore[arg-type]


def by_words(owner: User, question: str) -> list[int]:
    scope = scope_of(owner.pk)
    return lexical.search(scope, corpus_of(scope), question, 10)


def test_the_best_chunk_comes_first_with_its_place_and_score(ann: User, ready: Ready) -> None:
    ready(ann, "ships.txt", SHIPS)
    bees = ready(ann, "bees.txt", "\n\n" + BEES)
    best, other = find(ann, "How many eggs does a queen lay?")
    assert (best.rank, other.rank) == (1, 2)
    assert (best.document_id, best.document_name, best.page) == (bees.pk, "bees.txt", 1)
    assert bees.pages.get().text[best.start : best.end] == best.text == BEES
    assert 1 >= best.score > other.score


def test_a_term_in_many_chunks_is_kept_in_several_rows_and_ranked_as_in_one(
    ann: User, ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [
        f"Hive {n} has {'a queen and ' * (n % 5)}drones.{' More words.' * n}" for n in range(9)
    ]
    document = ready(ann, "bees.txt", "\n\n".join(text * 40 for text in texts))
    chunks = dict(document.chunks.values_list("pk", "text"))
    bare = BareBM25({str(pk): text for pk, text in chunks.items()})
    asked = "queens among drones of hive 7"
    expected = [int(pk) for pk in bare.search(asked)][:10]
    before = Posting.objects.count()
    assert by_words(ann, asked) == expected
    monkeypatch.setattr(lexical, "MOST_IN_ROW", 2)
    process(document.pk, SilentReport())
    assert Posting.objects.count() > before
    assert max(len(row.chunks) for row in Posting.objects.all()) == 2
    assert by_words(ann, asked) == expected


def test_bob_finds_nothing_of_anns(ann: User, bob: User, ready: Ready) -> None:
    ready(ann, "bees.txt", BEES)
    assert find(bob, "How many eggs does a queen lay?") == []
    assert by_words(bob, "queen eggs") == []


def test_a_search_can_be_limited_to_documents(ann: User, ready: Ready) -> None:
    ready(ann, "bees.txt", BEES)
    ships = ready(ann, "ships.txt", SHIPS)
    found = find(ann, "How many eggs does a queen lay?", limits=Limits(documents=(ships.pk,)))
    assert [passage.document_id for passage in found] == [ships.pk]


@pytest.mark.parametrize("status", [Status.RUNNING, Status.FAILED, Status.CANCELLED])
def test_only_finished_documents_are_found(ann: User, ready: Ready, status: Status) -> None:
    document = ready(ann, "bees.txt", BEES)
    Job.objects.filter(pk=document.job_id).update(status=status)
    assert find(ann, "How many eggs does a queen lay?") == []


def test_indexing_again_doubles_nothing(ann: User, ready: Ready) -> None:
    document = ready(ann, "bees.txt", BEES * 40)
    counts = [model.objects.count() for model in (Embedding, Posting, Indexed)]
    assert counts[0] == Indexed.objects.get().chunks == document.chunk_count > 1
    process(document.pk, SilentReport())
    assert Indexed.objects.get().chunks == document.chunk_count
    assert [model.objects.count() for model in (Embedding, Posting, Indexed)] == counts


class CancelledAtTheIndex(SilentReport):
    """Its owner cancels once some of the index is written."""

    def __call__(self, stage: str, progress: int, message: str = "") -> None:
        super().__call__(stage, progress, message)
        if stage == "INDEXING" and Indexed.objects.filter(chunks__gt=0).exists():
            raise Cancelled


def test_the_writing_of_a_long_index_can_be_cancelled_and_done_again(
    ann: User, ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "POSTED", 1)
    document = ready(ann, "bees.txt", BEES * 40)
    Indexed.objects.all().delete()
    with pytest.raises(Cancelled):
        index_document(document, CancelledAtTheIndex())
    assert Indexed.objects.get().chunks == 1 < document.chunk_count
    index_document(document, SilentReport())
    assert Indexed.objects.get().chunks == document.chunk_count


def test_what_a_killed_attempt_has_embedded_is_kept(ann: User, ready: Ready) -> None:
    document = ready(ann, "bees.txt", BEES * 40)
    kept = set(Embedding.objects.values_list("pk", flat=True)[1:])
    Embedding.objects.exclude(pk__in=kept).delete()
    process(document.pk, SilentReport())
    after = set(Embedding.objects.values_list("pk", flat=True))
    assert kept < after
    assert len(after) == document.chunk_count


def test_removing_a_document_leaves_nothing_in_the_index(ann: User, ready: Ready) -> None:
    remove(ready(ann, "bees.txt", BEES))
    assert not Embedding.objects.exists()
    assert not Posting.objects.exists()
    assert not Indexed.objects.exists()


def test_a_model_gets_its_own_hnsw_index_and_the_search_uses_it(ann: User, ready: Ready) -> None:
    ready(ann, "bees.txt", BEES)
    model = model_row(EMBEDDER)
    assert EmbeddingModel.objects.count() == 1
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        cursor.execute(
            f"EXPLAIN SELECT chunk_id FROM rag_embedding WHERE model_id = {model.pk} "
            "ORDER BY vector::vector(384) <=> array_fill(0.1, ARRAY[384])::vector(384) LIMIT 5"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert f"embedding_hnsw_{model.pk}" in plan


def test_rare_words_weigh_more_than_frequent_ones(ann: User, ready: Ready) -> None:
    for number in range(4):
        ready(ann, f"{number}.txt", f"Harbour number {number} and its harbour lights.")
    rare = ready(ann, "rare.txt", "A harbour with a walrus.")
    best = by_words(ann, "harbour walrus")
    assert best[0] == rare.chunks.get().pk
    assert len(best) == 5


def test_a_question_of_stop_words_alone_matches_no_words(ann: User, ready: Ready) -> None:
    ready(ann, "bees.txt", BEES)
    assert by_words(ann, "what is the") == []


def test_fusion_prefers_what_both_rankings_hold() -> None:
    assert fuse([([1, 2, 3], 1), ([3, 4], 1)])[0] == 3
    assert fuse([([], 1), ([], 1)]) == []


def test_a_ranking_of_little_weight_only_orders_what_the_other_leaves_equal() -> None:
    assert fuse([(list(range(1, 101)), 1), ([101, 102, 2], 0.1)])[:3] == [2, 1, 3]
    assert fuse([([], 1), ([7, 8], 0.1)]) == [7, 8]
