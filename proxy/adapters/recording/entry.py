"""One exchange of the running proxy as a line of recorded traffic, without credentials."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from proxy.adapters.recording.outline import outline
from proxy.adapters.traffic.http1 import Head
from proxy.audit.record import Record
from proxy.identity.caller import Account, Caller
from proxy.identity.region import EdgeHeaders, edge_region

DAY_S: Final = 86_400.0
_SECRET: Final = re.compile(r"auth|api-?key|cookie|token|secret|password|credential|signature|session|jwt|^proxy-")
"""Names of headers that hold credentials, or may: they are left out altogether."""
_PLAIN: Final = re.compile(
    r"user-agent\Z|accept(-encoding|-language)?\Z|content-(type|length|encoding)\Z|connection\Z|x-stainless-|anthropic-(version|beta)\Z|openai-beta\Z"
)
"""Headers whose values are recorded. Of any other only the name is: a value that nobody knows may be a credential."""
_UNSAID: Final[Mapping[str, Any]] = Account()._asdict()


class Taken(NamedTuple):
    """What a line is made of, besides the record."""

    head: Head
    body: bytes
    """Without its content coding; empty where the request carries no JSON."""
    caller: Caller


class Scribe(NamedTuple):
    """How lines are written."""

    bodies: bool
    """With their texts."""
    injected: Collection[str] = ()
    """Lower-case names of headers that the proxy adds for an upstream."""
    edge: EdgeHeaders | None = None
    """Headers in which a trusted edge says where the client is: recorded only where they were believed."""

    def line(self, taken: Taken, record: Record) -> bytes:
        """One line with its newline."""
        head, raw, caller = taken
        body = orjson.loads(raw) if raw else None
        outlined = False
        if body is not None and not self.bodies:
            body, outlined = outline(body), True
        said: dict[str, Any] = {
            "at": record.at,
            "duration_s": record.total_s,
            "client_ip": caller.ip,
            "account": _account(caller.account, record.at),
            "method": head.method,
            "path": head.path,
            "headers": self._headers(head.headers, caller),
            "body": body,
            "response": _response(record),
        }
        if outlined:
            said["x_outlined"] = True
        return orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE)

    def _headers(self, headers: Sequence[tuple[str, str]], caller: Caller) -> list[tuple[str, str]]:
        edge = self.edge
        believed = edge is not None and edge_region(headers, edge, caller.region) == caller.region
        shown = []
        for name, value in headers:
            if edge is not None and name in edge:
                if believed:
                    shown.append((name, value))
            elif not _SECRET.search(name) and name not in self.injected:
                shown.append((name, value if _PLAIN.match(name) else ""))
        return shown


def _account(account: Account, at: float) -> dict[str, Any]:
    """What identity resolved; what nobody said is left out."""
    fields = account._asdict()
    said = {name: value for name, value in fields.items() if value != _UNSAID[name] and name not in {"opened_at", "sources"}}
    said["id"], said["source"] = account.id, account.source
    if account.opened_at is not None:
        said["age_days"] = max(0.0, (at - account.opened_at) / DAY_S)
    return said


def _response(record: Record) -> dict[str, int] | None:
    """Status and usage of the model endpoint's answer; None if none came."""
    if not record.upstream_status:
        return None
    usage = record.usage
    return {
        "status": record.upstream_status,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }
