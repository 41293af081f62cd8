"""How a text is to be cut into chunks: what a person may choose, without the splitter itself."""

from dataclasses import dataclass

TOKENS = 220  # of MiniLM, which reads 256 at most
OVERLAP = 30
FEWEST_TOKENS, MOST_TOKENS = 32, 250


class WrongCut(ValueError):
    """`str()` says what may be chosen; `field` is `tokens` or `overlap`."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


@dataclass(frozen=True)
class Cut:
    """A chunk holds at most `tokens`, and may share `overlap` of them with the one before."""

    tokens: int = TOKENS
    overlap: int = OVERLAP

    def __post_init__(self) -> None:
        """Raises WrongCut."""
        if not FEWEST_TOKENS <= self.tokens <= MOST_TOKENS:
            raise WrongCut(
                "tokens", f"A chunk may hold from {FEWEST_TOKENS} to {MOST_TOKENS} tokens."
            )
        if not 0 <= self.overlap <= self.tokens // 2:
            raise WrongCut("overlap", "Chunks may overlap by at most half of their tokens.")


USUAL = Cut()
