"""Write tos-proxy/values.schema.json: the chart's own values by hand, `settings` from the proxy's settings model.

Fields of the settings that the chart fills in itself are left out, so that setting them is an error instead of being ignored.
Run as `python -m deploy.helm.build_schema`; `--check` only says whether the file is current.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from proxy.settings import Settings

TARGET: Final = Path(__file__).parent / "tos-proxy" / "values.schema.json"

CHART_OWNS: Final = {
    "Settings": ("policies", "admin"),
    "Listen": ("host", "port", "tls"),
    "Identity": ("digest_key", "digest_key_file", "accounts_file"),
}
"""Model -> fields that templates/_names.tpl sets."""

Schema = dict[str, Any]

STRING: Final[Schema] = {"type": "string"}
BOOLEAN: Final[Schema] = {"type": "boolean"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
PORT: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 65535}
FREE: Final[Schema] = {"type": "object"}
FREE_LIST: Final[Schema] = {"type": "array", "items": FREE}
STRINGS: Final[Schema] = {"type": "array", "items": STRING}
TEXTS: Final[Schema] = {"type": "object", "additionalProperties": STRING}
DURATION: Final[Schema] = {"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"}
DIGEST: Final[Schema] = {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"}


def fields(**properties: Schema) -> Schema:
    """An object with these properties and no others."""
    return {"type": "object", "additionalProperties": False, "properties": properties}


def chart_values() -> Schema:
    """The values that belong to the chart rather than to the proxy."""
    path_texts = {"type": "object", "propertyNames": {"pattern": r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"}, "additionalProperties": STRING}
    monitor = fields(enabled=BOOLEAN, interval=DURATION, labels=TEXTS)
    return {
        "mode": {"enum": ["standalone", "pod", "sidecar"]},
        "nameOverride": STRING,
        "fullnameOverride": STRING,
        "labels": TEXTS,
        "image": fields(
            repository={"type": "string", "minLength": 1},
            tag=STRING,
            digest=DIGEST,
            pullPolicy={"enum": ["Always", "IfNotPresent", "Never"]},
        ),
        "pullSecrets": FREE_LIST,
        "replicas": COUNT,
        "ports": fields(traffic=PORT, admin=PORT),
        "policies": fields(files=path_texts, existingConfigMap=STRING, items={"type": "array", "items": fields(key=STRING, path=STRING)}),
        "accounts": fields(text=STRING, existingConfigMap=STRING, existingSecret=STRING),
        "secrets": fields(existingSecret=STRING),
        "upstreamSecret": STRING,
        "tls": fields(secret=STRING, clientCa=BOOLEAN),
        "geo": fields(
            claim=STRING,
            files=STRINGS,
            update=fields(enabled=BOOLEAN, schedule=STRING, image=STRING, editions=STRINGS, secret=STRING, resources=FREE),
        ),
        "service": fields(type={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]}, port=PORT, annotations=TEXTS),
        "pod": fields(containers=FREE_LIST, volumes=FREE_LIST),
        "sidecar": fields(podLabels=TEXTS, service=BOOLEAN),
        "networkPolicy": fields(enabled=BOOLEAN, clients=FREE_LIST, monitoring=FREE_LIST, egress=FREE_LIST),
        "podDisruptionBudget": fields(enabled=BOOLEAN, maxUnavailable={"type": ["integer", "string"]}),
        "serviceMonitor": monitor,
        "podMonitor": monitor,
        "prometheusRule": fields(enabled=BOOLEAN, labels=TEXTS),
        "dashboards": fields(enabled=BOOLEAN, labels=TEXTS),
        **pod_values(),
    }


def pod_values() -> Schema:
    """Values that go into a pod spec as they are; Kubernetes checks what is in them."""
    return {
        "resources": fields(requests=FREE, limits=FREE),
        "env": FREE_LIST,
        "envFrom": FREE_LIST,
        "volumes": FREE_LIST,
        "volumeMounts": FREE_LIST,
        "podLabels": TEXTS,
        "podAnnotations": TEXTS,
        "serviceAccount": fields(create=BOOLEAN, name=STRING, annotations=TEXTS),
        "priorityClassName": STRING,
        "nodeSelector": TEXTS,
        "tolerations": FREE_LIST,
        "affinity": FREE,
        "topologySpread": FREE_LIST,
        "terminationGracePeriodSeconds": COUNT,
        "podSecurityContext": FREE,
        "containerSecurityContext": FREE,
        "probes": fields(startup=FREE, liveness=FREE, readiness=FREE),
    }


def settings_schema() -> tuple[Schema, Schema]:
    """The schema of `settings` and the definitions it refers to, without what the chart owns."""
    schema = Settings.model_json_schema()
    definitions: Schema = schema.pop("$defs")
    for model, owned in CHART_OWNS.items():
        properties = (schema if model == "Settings" else definitions[model])["properties"]
        for name in owned:
            del properties[name]
    for model in ("Admin", "Tls"):
        del definitions[model]
    return schema, definitions


def without_defaults(node: Any, *, named: bool = False) -> Any:
    """Defaults are the proxy's business; a copy here would age. `named`: the keys are property names, not schema keywords."""
    if isinstance(node, list):
        return [without_defaults(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = node if named else {key: value for key, value in node.items() if key not in {"default", "title"}}
    return {key: without_defaults(value, named=key == "properties" and not named) for key, value in kept.items()}


def build() -> str:
    """The schema file's text."""
    settings, definitions = settings_schema()
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the tos-proxy chart",
        "type": "object",
        "additionalProperties": False,
        "properties": {"global": FREE, "enabled": BOOLEAN, "settings": without_defaults(settings), **chart_values()},
        "$defs": without_defaults(definitions, named=True),
    }
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def main() -> int:
    """Write the file, or with --check fail when it is not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file is out of date")
    if parser.parse_args().check:
        current = TARGET.exists() and TARGET.read_text("utf-8") == build()
        print("current" if current else f"{TARGET.name} is out of date: run python -m deploy.helm.build_schema")
        return 0 if current else 1
    TARGET.write_text(build(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
