"""Work that the server does later: batches and fine-tuning jobs. What they work on is named by file id."""

from __future__ import annotations

from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Document, Names, Route
from proxy.dialects.reading import fields, model, optional_whole, text, wrong


def batch(route: Route, document: Document, names: Names) -> ModelCall:
    """Read the start of a batch. Its lines were judged when the file was uploaded, if it was uploaded through this proxy."""
    fields(document, "")
    if not text(document, "input_file_id"):
        raise wrong("input_file_id", "the id of an uploaded file")
    return ModelCall(route.dialect.name, route.endpoint, model(route, document, names), unseen=1)


def fine_tuning(route: Route, document: Document, names: Names) -> ModelCall:
    """Read the start of a fine-tuning job."""
    fields(document, "")
    if not text(document, "training_file"):
        raise wrong("training_file", "the id of an uploaded file")
    files = 1 + (text(document, "validation_file") != "")
    return ModelCall(route.dialect.name, route.endpoint, model(route, document, names), seed=optional_whole(document, "seed"), unseen=files)
