"""Every shipped rule about what is asked fires on what each endpoint's reader makes of a request that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.adapters.policy_folder import read_folder
from proxy.decide import facts_of
from proxy.detection.observation import NO_SIGNALS
from proxy.dialects.call import ModelCall
from proxy.identity.caller import Account, Caller, Region
from proxy.identity.movement import STILL
from proxy.policy.load import load
from proxy.policy.ruleset import Ruleset
from tests.dialects.corpus import CANARY, Row, as_form, put
from tests.dialects.rows.every import CARRIED, ROWS

NOW = 1_795_500_000.0
EVERY = {**ROWS, **CARRIED}
ABOUT_THE_ADDRESS = {"request.endpoint", "request.dialect", "request.inspected", "request.batch_size"}
"""Facts that no document carries; `test_shipped_everywhere` tries the rules that read only these."""

AS_PROBED: Any = object()
ASKED_FOR: dict[str, tuple[str, Any]] = {
    "usage.model_unknown": ("model", "nobody-has-priced-this"),
    "usage.max_tokens": ("max_output_tokens", 65_537),
    "usage.n": ("n", 9),
    "usage.logprobs": ("logprobs", AS_PROBED),
    "usage.top_logprobs": ("top_logprobs", 6),
    "usage.unseen": ("unseen", AS_PROBED),
    "usage.unscanned": ("texts", "word " * 60_000),
    "usage.prompt_size": ("texts", "word " * 1_000_001),
    "distillation.intent": ("texts", "Do not skip any step of your reasoning."),
}
"""Rule to the field that it looks at, and a value there that it acts on."""


@pytest.fixture(scope="module")
def shipped() -> Ruleset:
    """The shipped policies."""
    return load(read_folder(Path(__file__).parents[2] / "policies"), NOW)


def fired(rules: Ruleset, call: ModelCall) -> set[str]:
    scan = rules.scan([text.text for text in call.texts])
    facts = facts_of(rules, Caller("", Region(), Account()), call, scan, NO_SIGNALS, STILL, NOW)
    return {hit.rule for hit in rules.judge(facts, NOW).hits}


def said(value: Any, words: str) -> Any:
    """The value with these words where the canary stood."""
    if isinstance(value, str):
        return value.replace(CANARY, words)
    if isinstance(value, list):
        return [said(inside, words) for inside in value]
    return {key: said(inside, words) for key, inside in value.items()} if isinstance(value, dict) else value


def documents(row: Row, field: str, value: Any) -> Iterator[dict[str, Any]]:
    """Every document that asks this endpoint for it."""
    if field == "texts":
        for path, words in row.words if len(value) < 1000 or row.carry is not as_form else ():
            document = put(row.least, path, said(words, value))
            if path[0] == "generateContentRequest":
                del document["contents"]
            yield document
            if len(value) > 1000:
                return  # one place is enough for what is long
        return
    for probe in row.probes.get(field, ()):
        if value is AS_PROBED:
            yield put(row.least, probe.path, probe.value)
        elif str(probe.value).lower() == str(probe.expected):  # set as it is read
            yield put(row.least, probe.path, str(value) if isinstance(probe.value, str) else value)


def test_every_shipped_rule_about_a_request_is_asked_for(shipped):
    about = {rule.id for rule in shipped.rules if rule.condition is not None and _of_document(rule.condition.reads)}
    assert about == set(ASKED_FOR)


def _of_document(reads: Any) -> bool:
    return any(name.startswith("request.") and name not in ABOUT_THE_ADDRESS for name in reads)


@pytest.mark.parametrize("key", EVERY, ids="-".join)
def test_a_shipped_rule_fires_through_this_endpoint_wherever_it_can_be_asked_for(shipped, key):
    row = EVERY[key]
    for rule, (field, value) in ASKED_FOR.items():
        tried = 0
        for document in documents(row, field, value):
            assert rule in fired(shipped, row.read(document)), (rule, str(document)[:200])
            tried += 1
        in_path = field == "model" and row.path_model
        assert tried or in_path or field in row.never.split() or (field == "texts" and (not row.words or row.carry is as_form)), rule
    if row.path_model:
        path = row.path.replace(row.path_model.replace(":", "%3A"), "nobody-has-priced-this")
        assert "usage.model_unknown" in fired(shipped, row._replace(path=path).read(row.least))
