"""Bytes before meaning: paths, strict JSON, the spelling of keys, multipart forms. What can be read in two ways is refused here."""
