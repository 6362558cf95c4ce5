"""Policy lowers parameters of the OpenAI API."""
