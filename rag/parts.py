"""What takes part in a search, and whose documents it looks at."""

from dataclasses import asdict, dataclass
from typing import Literal

Source = Literal["mine", "shared", "all", "chosen"]


@dataclass(frozen=True)
class Parts:
    dense: bool = True
    lexical: bool = True
    rerank: bool = True  # if the settings name a reranker
    join: bool = True  # neighbours become one passage
    distinct: bool = True  # near-duplicates are left out

    @property
    def left_out(self) -> dict[str, bool]:
        """Those that are switched off, as a row keeps them."""
        return {name: False for name, is_on in asdict(self).items() if not is_on}


ALL = Parts()
