"""Bytes before meaning: paths, content codings, strict JSON, multipart forms. What can be read in two ways is refused here."""
