"""The language reference and the schemas for editors, made from the code that reads policies.

`policies/README.md`, `policies/schema.json` and `policies/cases/schema.json` are these functions' results; a test holds them together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydantic import BaseModel

from proxy.policy.facts import FACTS, Phase
from proxy.policy.language.shapes import case_file, named, policy_file, prices
from proxy.policy.language.shapes.case_file import ORDINARY, CasesDoc
from proxy.policy.language.shapes.policy_file import PolicyDoc
from proxy.policy.names.patterns import SCANNED_CHARS
from proxy.policy.tools.findings import CHECKS

_SECTIONS: Final[tuple[tuple[str, type[BaseModel]], ...]] = (
    ("A rule", policy_file.RuleDoc),
    ("Effects (`then`)", policy_file.EffectsDoc),
    ("`refuse`", policy_file.RefuseDoc),
    ("`clamp`", policy_file.ClampDoc),
    ("A limit", policy_file.LimitDoc),
    ("A waiver", policy_file.WaiverDoc),
    ("A list", named.ListDoc),
    ("A pattern set", named.PatternDoc),
    ("`models`", named.ModelsDoc),
    ("`prices`", prices.PricesDoc),
    ("A price", prices.PriceDoc),
    ("`long`", prices.LongDoc),
    ("`uninspected`", named.UninspectedDoc),
    ("`preset`", named.PresetDoc),
)
_OPERATORS: Final = (
    (
        "`==` `!=` `<` `<=` `>` `>=`",
        "Compare values of the same type. A number compared with a double needs a decimal point: `0.5`, `50.0`.",
    ),
    ("`&&` `\\|\\|` `!` `( )` `? :`", "Logic. A side that fails to evaluate doesn't matter where the other side settles the answer."),
    ("`x in ['a', 'b']`", "Membership in a few values written out."),
    ("`x in lists.NAME`", "Membership in a named list, however long: one look-up."),
    ("`'NAME' in request.patterns`", "The named pattern set matched the prompt."),
    ("`s.startsWith('a')` `s.endsWith('a')` `s.contains('a')`", "Parts of a text."),
    ("`s.matches('re')`", "RE2 expression found anywhere in the text; constant, linear time."),
    ("`size(x)`", "Characters of a text, items of a list."),
    ("`list.exists(t, ...)` `list.all(t, ...)`", "Some item, every item. A loop may not stand inside a loop."),
    ("`+` `-` `*` `/` `%`", "Arithmetic. Division by zero and overflow fail the condition: `on_error` decides."),
)

_INTRODUCTION: Final = """# The policy language

<!-- Made by `tos-proxy reference`; edit proxy/policy/, not this file. -->

Every YAML file at the top of this folder is a policy file, and together they are one set of rules. The proxy follows the folder: a change is
read until two readings agree, loaded, tried on its own cases, and put in force whole, or not at all. `tos-proxy check` says what is wrong or
odd, with file, line and what to write instead; `tos-proxy test` runs the cases.

```yaml
# yaml-language-server: $schema=./schema.json
lists:
  supported: {file: lists/anthropic-api.txt}
  eval_accounts: {values: [acct-4711]}
rules:
  - id: regions.unsupported
    source: "Supported regions, copy of 2025-09"
    when: "!(client.country in lists.supported)"      # an unknown country is "": an allow-list refuses it
    then:
      refuse: {code: unsupported_region, message: "The service isn't offered in your region."}
  - id: usage.logprobs
    when: "request.logprobs && !account.verified"
    then: {clamp: {logprobs: false}}
    mode: shadow                                      # only counted, until someone writes enforce
limits:
  - id: limits.tokens
    per: [account.id, request.model]
    count: total_tokens
    rate: 200000/1m
    burst: 400000
waivers:
  - id: waivers.eval_team
    waives: [usage.*]
    when: "account.id in lists.eval_accounts"
    expires: 2027-03-31
    reason: "authorised evaluation harness, ticket 4711"
    approver: jane.doe
```

## What holds always

- **Order never matters**, neither of rules nor of files. Every rule is asked. A refusal outweighs everything; of several, the one with the
  smallest id is told to the caller. Clamps take the lower bound; strips and tags unite.
- **Adding a rule never loosens anything.** Only a waiver does, and it says what, for whom, why, who granted it and until when.
- **A rule belongs to the latest phase among the facts it reads**: request, then signals. A waiver must not read facts that come later than
  the rules it waives.
- **A condition that fails to evaluate is never just false**: `on_error` says what it means, and it is counted.
- **Limits** are asked after the rules of both phases. All that apply are reserved together, or none is. A limit whose condition fails applies.
- **Modes**: `enforce` acts, `shadow` counts what it would have done, `off` isn't asked. `enforce_percent` takes the subject's account, else its
  address: a subject always falls on the same side, and raising the share only adds subjects.
- **Days** are UTC: `not_before` counts from 00:00, `expires` until 24:00 of the day it names.
- **YAML is read strictly**: unknown and repeated keys, anchors, aliases, tags, and words that two YAML readers understand differently
  (`NO`, `0x1F`, `12:30`) are errors. `mode: off` may stay unquoted.
"""


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a policy file."""
    return _schema(PolicyDoc, "tos-proxy policy file")


def case_json_schema() -> dict[str, Any]:
    """The JSON Schema of a file of cases."""
    return _schema(CasesDoc, "tos-proxy policy cases")


def schema_text(schema: dict[str, Any]) -> str:
    """A schema as it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    made: dict[str, Any] = _plainer(model.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **made}


def _plainer(node: Any) -> Any:
    """Without what pydantic adds for Python: titles made of names, and null as a value of keys that may be left out."""
    if isinstance(node, list):
        return [_plainer(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _plainer(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if kept.get("default", ...) is None:
        del kept["default"]
    kinds = [kind for kind in kept.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        kept = {**kinds[0], **{key: value for key, value in kept.items() if key != "anyOf"}}
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    return kept


def reference_markdown() -> str:
    """The whole of policies/README.md."""
    parts = [_INTRODUCTION, *_conditions(), "## Sections of a policy file\n", _keys(PolicyDoc)]
    for title, model in _SECTIONS:
        parts += [f"### {title}\n", (model.__doc__ or "").split("\n\n")[0] + "\n", _keys(model)]
    parts += [*_names(), *_cases(), *_tools()]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _conditions() -> Iterator[str]:
    yield "## Conditions\n"
    yield "Conditions are written in the [Common Expression Language](https://cel.dev), typed and checked when the folder is loaded.\n"
    yield _table(("expression", "meaning"), _OPERATORS)
    for phase, title in ((Phase.REQUEST, "Facts of the request phase"), (Phase.SIGNALS, "Facts of the signals phase")):
        yield f"### {title}\n"
        rows = ((f"`{fact.name}`", fact.kind.value, fact.meaning, "" if fact.few else "many") for fact in FACTS if fact.phase is phase)
        yield _table(("fact", "type", "meaning", "values"), rows)
    yield (
        "Facts with few distinct values cost nothing once seen: rules that read only those are remembered by the verdict cache. "
        'Unknown is a value ("" or 0), never an error.\n'
    )


def _names() -> Iterator[str]:
    yield "## Files of lists and patterns\n"
    yield (
        "List files hold values separated by blanks or lines; pattern files hold one RE2 expression a line, case ignored. Their names end in .txt. "
        "`#` begins a comment, in pattern files on lines of its own. "
        "Three header comments have a meaning: `# source:` says where the values were read, `# date:` when (a day, a month or a year), and "
        "`# entries:` how many there are, so that a file cut short is an error instead of a shorter list.\n"
    )
    yield (
        f"Patterns are looked for in all texts of a prompt at once; beyond {SCANNED_CHARS:,} characters, in the first and last "
        f"{SCANNED_CHARS // 2:,}, and `request.unscanned_chars` says how many were left out, so that a rule can act on it. Begin an expression with `\\b` where a word must begin, and let a gap end with the sentence (`[^.!?\\n]*`): "
        "a counted gap such as `.{0,40}` after a common word makes every prompt take a multiple of the time. `\\b` knows ASCII letters only, so it "
        "never matches beside a Cyrillic or accented one.\n"
    )
    yield "## Presets\n"
    yield (
        "`use: [presets/NAME]` takes a pack from presets/ in: lists and rules copied from a provider's terms on a date, which the pack names. "
        "Providers change their terms without notice; a preset is never current, only dated. `tos-proxy presets list` and "
        "`tos-proxy presets diff` show what there is and what differs.\n"
    )


def _cases() -> Iterator[str]:
    yield "## Cases\n"
    yield (
        "Files under cases/ hold requests and what must become of them. They run before a changed folder comes into force. Every rule needs a "
        "case in which it applies and one that differs in a single fact and in which it doesn't; deleting a rule must break a case.\n"
    )
    yield '```yaml\ncases:\n  - name: an address of unknown region is refused\n    facts: {client.country: "", client.geo_status: unknown}'
    yield "    expect: {outcome: refuse, rule: regions.unknown, code: unknown_region}\n```\n"
    yield _keys(case_file.CaseDoc)
    yield "### `expect`\n"
    yield _keys(case_file.ExpectDoc)
    yield "### The ordinary request\n"
    yield "What a case doesn't state is that of an ordinary request; facts not listed are empty, 0 or false.\n"
    rows = ((f"`{name}`", f"`{json.dumps(value)}`") for name, value in ORDINARY.items() if value not in ("", 0, 0.0, False, ()))
    yield _table(("fact", "value"), rows)


def _tools() -> Iterator[str]:
    yield "## What `tos-proxy check` looks for\n"
    yield _table(("check", "finding"), ((f"`{name}`", meaning) for name, meaning in CHECKS.items()))


def _keys(model: type[BaseModel]) -> str:
    rows = []
    for name, field in model.model_fields.items():
        needed = "required" if field.is_required() else ""
        example = f" For example `{json.dumps(field.examples[0], ensure_ascii=False)}`." if field.examples else ""
        rows.append((f"`{name}`", needed, f"{field.description or ''}{example}"))
    return _table(("key", "", "meaning"), rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    lines += [f"| {' | '.join(cell.replace('|', '&#124;') if '`' not in cell else cell for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"
