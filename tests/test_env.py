"""What is read from the environment, and what is made when it is not there."""

import threading
from pathlib import Path

from demo import env


def test_a_secret_is_made_once_and_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret"
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(env.generated_secret(path))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 1
    assert len(made[0]) > 40
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
