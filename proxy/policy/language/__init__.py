"""From bytes to meaning: strict YAML, the documents' shape, and conditions in the Common Expression Language."""
