"""How a document comes in, is replaced, and goes: its name, its stored content, row and job."""

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Literal

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection, transaction

from documents.access import topic_of
from documents.cut import USUAL, Cut
from documents.events import deleted
from documents.models import Batch, Collection, Document
from documents.pictures import forget_pictures
from documents.sharing import hand_on
from documents.signals import replaced
from realtime import jobs, members
from realtime.models import Job, Status
from realtime.publish import publish

KIND = "documents.process"
IfDuplicate = Literal["skip", "replace", "keep"]
NAME_LENGTH = 255
SUFFIX_LENGTH = 20
_PIECE = 1024 * 1024


class TooMany(Exception):
    """The owner's queue is long enough; `str()` says so. `seconds`: when to try again."""

    seconds = 5


class Refused(Exception):
    """The upload cannot be taken; `str()` is what its owner is told."""

    def __init__(self, words: str, *, too_large: bool = False) -> None:
        super().__init__(words)
        self.too_large = too_large


@dataclass(frozen=True)
class Taken:
    """What became of an upload.

    `document` is the new row, or the existing one that a duplicate was skipped for; `duplicate_of`
    is an older document of the same content that is still there, if only until it is replaced.
    """

    document: Document
    duplicate_of: uuid.UUID | None = None


class Counted(File):  # type: ignore[type-arg]
    """An upload on its way to storage: counted, hashed, and refused once it is over the limit."""

    def __init__(self, file: "IO[bytes] | File[bytes]") -> None:
        super().__init__(file)
        self.seen = 0
        self.digest = hashlib.sha256()

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        limit = settings.MAX_UPLOAD_MB * 1024 * 1024
        while piece := self.read(chunk_size or _PIECE):
            self.seen += len(piece)
            if self.seen > limit:
                raise Refused(
                    f"The file is larger than {settings.MAX_UPLOAD_MB} MB.", too_large=True
                )
            self.digest.update(piece)
            yield piece
        if not self.seen:
            raise Refused("The file is empty.")


def clean_name(name: str) -> str:
    """The name without a path, invisible or direction-changing characters; at most 255 long."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    # Category C: control, format (zero-width, bidi), surrogate, private and unassigned characters.
    name = "".join(" " if c in "\t\n\r" else c for c in name if _visible(c))
    name = " ".join(name.split())
    if not name.strip(". "):
        return "document"
    suffix = PurePosixPath(name).suffix[:SUFFIX_LENGTH]
    stem = name.removesuffix(suffix) if suffix else name
    return stem[: NAME_LENGTH - len(suffix)] + suffix


def _visible(character: str) -> bool:
    return character in "\t\n\r" or not unicodedata.category(character).startswith("C")


def check_room(owner: User) -> None:
    """Raises TooMany while very much of the owner's waits."""
    waiting = Job.objects.filter(owner=owner, kind=KIND, status=Status.QUEUED).count()
    if waiting >= settings.MAX_QUEUED_DOCUMENTS:
        name = owner.get_username()
        raise TooMany(f"{waiting:,} documents of {name} wait. Go on when some of them are done.")


def take_in(
    owner: User,
    file: "IO[bytes] | File[bytes]",
    name: str,
    if_duplicate: IfDuplicate = "skip",
    *,
    collection: Collection | None = None,
    batch: Batch | None = None,
    source: str = "",
    replaces: Sequence[Document] = (),
    cut: Cut | None = None,
    by_editor: bool = False,
) -> Taken:
    """Store an upload and queue its processing; `cut` says how its text is cut into chunks, if not
    as usual, or as usual in its collection.

    The `collection` is one of the owner's; an editor of it knows of no other duplicates than those
    in it. `if_duplicate` says what becomes of content that the
    owner has already: `skip` it, `keep` both, or `replace` the old documents, which answer
    questions until the new one is READY. What it `replaces` besides, as an earlier state of the
    file `source`, is replaced whatever its content. Raises Refused for an empty or too large file.
    """
    content = Counted(file)
    cut = cut or (collection.cut if collection else USUAL)
    document = Document(
        owner=owner,
        name=clean_name(name),
        collection=collection,
        batch=batch,
        source=source,
        chunk_tokens=cut.tokens,
        chunk_overlap=cut.overlap,
    )
    path = document.file.field.generate_filename(document, document.name)
    try:
        document.file.name = default_storage.save(path, content)
        document.size, document.sha256 = content.seen, content.digest.hexdigest()
        with transaction.atomic():
            taken = _admit(document, if_duplicate, replaces, by_editor=by_editor)
    except BaseException:
        default_storage.delete(path)
        raise
    if taken.document is not document:
        default_storage.delete(path)
    return taken


def _admit(
    document: Document, if_duplicate: IfDuplicate, replaces: Sequence[Document], *, by_editor: bool
) -> Taken:
    """The rows of an upload that is stored; two of the same content wait for each other."""
    with connection.cursor() as cursor:
        key = f"intake {document.owner_id} {document.sha256}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
    same = Document.objects.filter(owner=document.owner, sha256=document.sha256)
    if by_editor:
        same = same.filter(collection=document.collection)
    older = list(same.select_related("job").order_by("created_at"))
    if older and if_duplicate == "skip" and not replaces:
        return Taken(older[0], duplicate_of=older[0].pk)
    document.job = jobs.create(document.owner, KIND, document.pk)
    document.save(force_insert=True)
    if if_duplicate == "replace":
        older = _supersede({*older, *replaces}, document)
    elif replaces:
        _supersede(replaces, document)
    jobs.announce(document.job)
    return Taken(document, duplicate_of=older[0].pk if older else None)


def _supersede(older: Iterable[Document], new: Document) -> list[Document]:
    """Those that are READY are kept until the new one is; others answer nothing, and go at once.

    Returns what is kept. The newest first: a version that ends meanwhile removes those before it.
    """
    kept = []
    for old in sorted(older, key=lambda old: (old.created_at, old.pk), reverse=True):
        job = Job.objects.select_for_update().get(pk=old.job_id)
        if job.status != Status.DONE:
            remove(old)
        elif Document.objects.filter(pk=old.pk).update(replaced_by=new):
            kept.append(old)
    return kept


def take_over(job: Job) -> None:
    """A document is READY: it takes the place of those that it replaces, in one transaction."""
    olds = Document.objects.filter(replaced_by__job=job).select_related("job", "replaced_by")
    for old in olds.order_by("-created_at", "-pk"):
        assert old.replaced_by
        hand_on(old, old.replaced_by)
        replaced.send(sender=Document, old=old, new=old.replaced_by)
        remove(old)


def remove(document: Document) -> None:
    """Delete a document with all that was made of it; work on it ends at its next step."""
    with transaction.atomic():
        # First, as the worker's fence and whoever shares the document take the locks in this order.
        Job.objects.select_for_update().get(pk=document.job_id)
        jobs.withdraw(document.job)
        audience = jobs.audience(document.job)
        Document.objects.filter(pk=document.pk).delete()
        document.job.refresh_from_db()
        for user_id in audience:
            publish(user_id, deleted(document.job), durable=True, job=document.job)
        members.send_away(topic_of(document))
        stored = str(document.file.name)
        transaction.on_commit(lambda: default_storage.delete(stored), robust=True)
        transaction.on_commit(lambda: forget_pictures(document.pk), robust=True)
