"""Questions to the interpreter's own documentation, as a SQuAD file, for `evaluate`:

python -m bench.python_topics > topics.json; manage.py evaluate topics.json
"""

import json
import pydoc_data.topics
import re
import sys
from typing import Any

ANSWERED = {
    "What is raised when a name is deleted that is unbound?": "NameError",
    "How do you write a brace character in the literal text of a format string?": "doubling",
    "What is the pass statement useful as?": "placeholder",
    "Which radix is used for the exponent of a floating point literal?": "radix 10",
    "As what is a right shift by n bits defined?": "floor division",
    "What real part has the complex number that an imaginary literal yields?": "real part of 0.0",
    "Which PEP specifies the nonlocal statement?": "PEP 3104",
    "What can functions created with lambda expressions not contain?": "statements or annotations",
    "Is there a limit for the length of integer literals?": "no limit",
    "What can underscores in numeric literals be used for?": "group digits",
    "In which version were underscores allowed in integer literals?": "version 3.6",
    "How is the only ellipsis object named?": "Ellipsis",
    "What is emitted for an assert statement when optimization is requested?": "no code",
    "What does break skip when it terminates a loop?": "else",
    "How is the identifier __spam in a class named Ham transformed?": "_Ham__spam",
    "Which special attribute does every module have?": "__dict__",
    "When is the method __del__ called?": "about to be destroyed",
    "What does a raise statement without an expression raise again?": "currently being handled",
    "What does the method strip remove when no characters are given?": "whitespace",
    "Which method breaks a string at its line boundaries?": "splitlines",
    "In which order do dictionaries keep their keys?": "insertion order",
    "What binds more tightly than unary operators on its left?": "power operator",
    "What does a yield expression make of a function?": "generator",
    "What must the arguments of the range constructor be?": "integers",
    "With what does the with statement wrap the execution of a block?": "context manager",
    "What does an expression list with a comma yield?": "tuple",
    "Which values cannot be used as keys of a dictionary?": "hashable",
    "What happens when a variable annotation is not in a function scope?": "evaluated",
    "What is the unary minus operator's result?": "negation",
    "Which exception signals the end of an iterator?": "StopIteration",
}
UNANSWERED = (
    "Which port does http.server listen on by default?",
    "How does asyncio.gather cancel its children?",
    "What is the default isolation level of a sqlite3 connection?",
    "How many bytes does a SHA-256 digest have?",
    "Which compression methods does zipfile support?",
    "How do I install a package with pip?",
    "Who designed the borrow checker of Rust?",
    "When was Guido van Rossum born?",
    "How tall is the Eiffel tower?",
    "What does a parking permit cost?",
    "Which virus causes measles?",
    "How do I create a Django model?",
    "What is the boiling point of ethanol?",
    "Which logging level is more severe than ERROR?",
    "How does the random module seed itself?",
    "Which arrays can NumPy broadcast?",
    "Which HTTP status means not found?",
    "How does csv.reader treat quoted fields?",
    "How are two tables joined in SQL?",
    "How do goroutines communicate?",
    "What is the capital of Australia?",
    "How long may a tweet be?",
    "Which garbage collector does Java use by default?",
    "How do I squash commits with git rebase?",
    "What is the time complexity of quicksort?",
    "Which licence does PostgreSQL have?",
    "How do I mock a function with unittest?",
    "What does the CSS property float do?",
    "How are certificates renewed with Let's Encrypt?",
    "Which kernel introduced io_uring?",
)


def squad() -> dict[str, Any]:
    """Each topic is a paragraph; a question stands at the first that holds its answer, which need
    not be the best: the figures of answers are what this is for."""
    topics = list(dict.fromkeys(pydoc_data.topics.topics.values()))
    flat = [re.sub(r"\s+", " ", text) for text in topics]
    asked: list[list[dict[str, Any]]] = [[] for _ in topics]
    for question, answer in ANSWERED.items():
        place = next(at for at, text in enumerate(flat) if answer in text)
        answers = [{"text": answer, "answer_start": 0}]
        asked[place].append({"id": question, "question": question, "answers": answers})
    for question in UNANSWERED:
        asked[0].append({"id": question, "question": question, "answers": []})
    paragraphs = [{"context": text, "qas": qas} for text, qas in zip(topics, asked, strict=True)]
    return {"version": "2.0", "data": [{"title": "topics", "paragraphs": paragraphs}]}


if __name__ == "__main__":
    json.dump(squad(), sys.stdout)
