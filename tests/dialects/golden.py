"""Golden requests: the bytes that the official SDKs send, and what is read out of them.

Each is a pair: `NAME.body` (JSON) or `NAME.form` (multipart) with the bytes, and `NAME.json` with path, Content-Type and the expected calls.
`python -m tests.dialects.golden` writes the expectations anew; review them as a diff.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from proxy.dialects.batch import read_upload
from proxy.dialects.body import JsonLimits, read_json
from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import RouteKind
from proxy.dialects.routes import find_route

FOLDER = Path(__file__).parents[1] / "golden" / "requests"
CASES = sorted(FOLDER.glob("*/*.json"))


def body_of(case: Path) -> bytes:
    """The request's bytes."""
    body = case.with_suffix(".body")
    return body.read_bytes() if body.exists() else case.with_suffix(".form").read_bytes()


def shown(call: ModelCall) -> dict[str, Any]:
    """A call as a golden file shows it: what differs from the default."""
    default = ModelCall(call.dialect, call.endpoint)
    found = {name: value for name, value in call._asdict().items() if name in {"dialect", "endpoint"} or value != getattr(default, name)}
    result: dict[str, Any] = json.loads(json.dumps(found))
    return result


def read(case: Path) -> list[dict[str, Any]]:
    """Every call in a golden request: the request itself, then the lines of a batch."""
    about = json.loads(case.read_text())
    route = find_route("POST", about["path"])
    raw = body_of(case)
    if route.kind is RouteKind.CALL:
        return [shown(route.read(read_json(raw, JsonLimits())))]
    upload = read_upload(route, about["content_type"], raw)
    return [shown(upload.call), *(shown(line.call) for line in upload.lines)]


def main() -> None:
    """Write what is read now as what is expected."""
    for case in CASES:
        about = json.loads(case.read_text())
        about["calls"] = read(case)
        case.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
