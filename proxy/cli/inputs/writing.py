"""Files that commands write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from proxy.cli.console import unusable


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name when it is complete. Raises ConfigError when it can't be written."""
    direct = path.exists() and not path.is_file()  # such as /dev/stdout
    draft = path if direct else path.with_name(f"{path.name}.part")
    try:
        with draft.open("wb") as file:
            yield file
        if not direct:
            draft.replace(path)
    except OSError as error:
        raise unusable(str(path), f"can't be written: {error.strerror}", "name a file in a folder that this user may write") from error
    finally:
        if not direct:
            draft.unlink(missing_ok=True)
