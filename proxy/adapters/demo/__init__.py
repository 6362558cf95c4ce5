"""A model endpoint to try the proxy with."""

from proxy.adapters.demo.app import demo_app

__all__ = ["demo_app"]
