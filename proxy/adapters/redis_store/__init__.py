"""Budgets that replicas share in Redis or Valkey: the store, its link to the server, and the script that runs there."""

from proxy.adapters.redis_store.link import check_url
from proxy.adapters.redis_store.store import RedisStore

__all__ = ["RedisStore", "check_url"]
