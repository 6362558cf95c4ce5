"""What does the operator know of an account? A directory read from a file, a header or a verified token."""
