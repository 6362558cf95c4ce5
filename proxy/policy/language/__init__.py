"""From documents to meaning: their shape, and conditions in the Common Expression Language."""
