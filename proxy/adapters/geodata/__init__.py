"""Region databases: the embedded ones (see ATTRIBUTION.md), how a file is opened, and which networks are hosting."""
