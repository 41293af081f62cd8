"""`manage.py evaluate DATASET`."""

import json
from pathlib import Path
from typing import IO, Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from rag import answers_measured, history, plot
from rag.datasets import Dataset, NoDataset, load
from rag.embedder import get_embedder
from rag.evaluate import Shelf, measure, verdicts
from rag.kept_vectors import KeptVectors
from rag.own_schema import Busy, own_schema
from realtime.work import Failure

FOLDER = settings.DATA_DIR / "evaluation"
MEASURES = ("nDCG@10", "Recall@10", "Recall@100", "MRR@10", "ms")


class Command(BaseCommand):
    help = "Measure retrieval, and answers where the data set has some, beside bare peers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dataset", type=Path, help="BEIR folder, TREC XML folder, SQuAD JSON")
        parser.add_argument("--label", default="", help="a name for this run in the history")
        parser.add_argument("--compare", nargs="*", metavar="RUN", help=(
            "measure nothing; show the difference of two runs of the history, by label or number "
            "(without any: the last two)"
        ))  # fmt: skip
        parser.add_argument("--plot", type=Path, metavar="PNG", help="draw the figures")
        parser.add_argument("--history", type=Path, default=FOLDER / "history.jsonl")
        parser.add_argument("--json", action="store_true", help="one JSON line")
        parser.add_argument(
            "--check", action="store_true", help="end with 1 when a figure is not reached"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.as_json: bool = options["json"]
        path: Path = options["dataset"]
        kept = history.runs(options["history"], path.stem if path.suffix else path.name)
        if options["compare"] is not None:
            return self._compare(kept, options["compare"])
        try:
            entry = self._measure(load(path), options["label"])
        except (NoDataset, Busy, Failure) as error:
            raise CommandError(str(error)) from None
        history.add(options["history"], entry)
        self._show(entry, kept[-1] if kept else None)
        if options["plot"]:
            options["plot"].write_bytes(plot.bars(entry["dataset"], entry["figures"]))
        if options["check"] and not all(entry["met"].values()):
            raise CommandError("Not all figures are reached.")
        return None

    def _measure(self, dataset: Dataset, label: str) -> dict[str, Any]:
        embedder = KeptVectors(get_embedder(), FOLDER)
        with Progress(console=Console(stderr=True), transient=True) as progress:
            tasks: dict[str, Any] = {}

            def say(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = progress.add_task(what, total=total)
                progress.update(tasks[what], completed=done, total=total)

            with own_schema() as owner:
                shelf = Shelf(owner, embedder)
                shelf.add(dataset, say)
                figures = measure(shelf, dataset, say) if dataset.judged else {}
                answers = answers_measured.measure(shelf, dataset, say) if dataset.answers else {}
            embedder.save()
        met = (
            {words: value >= least for words, value, least in verdicts(figures)} if figures else {}
        )
        return history.entry(label, dataset, embedder.name, figures, answers, met)

    def _show(self, entry: dict[str, Any], before: dict[str, Any] | None) -> None:
        if self.as_json:
            self.stdout.write(json.dumps(entry))
            return
        console = Console(file=cast("IO[str]", self.stdout), width=100)
        console.print(
            f"{entry['dataset']}: {entry['documents']:,} documents, {entry['questions']:,} judged "
            f"questions, {entry['model']}"
        )
        if entry["figures"]:
            console.print(_table(entry["figures"]))
        for words, is_met in entry["met"].items():
            console.print(f"{'met   ' if is_met else 'MISSED'}  {words}")
        for name, value in entry["answers"].items():
            console.print(f"{name}: {value:g}")
        if before:
            console.print(f"against {history.named(before)}:")
            for line in history.differences(before, entry):
                console.print(f"  {line}")

    def _compare(self, kept: list[dict[str, Any]], names: list[str]) -> None:
        try:
            before, after = history.chosen(kept, names)
        except history.NoRun as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{history.named(before)} → {history.named(after)}")
        for line in history.differences(before, after):
            self.stdout.write(f"  {line}")


def _table(figures: dict[str, dict[str, float]]) -> Table:
    table = Table("search", *MEASURES)
    for name, values in figures.items():
        shown = [f"{values[measure]:.4f}" for measure in MEASURES[:-1]]
        table.add_row(name, *shown, f"{values['ms']:.1f}")
    return table
