"""Process settings: read once at start, from one YAML file and TOSPROXY_* variables of the environment.

Policies are not here: they are reloaded while the proxy runs, settings are not. `tos-proxy settings` prints this file's
fields with their defaults and meanings, so every field carries its documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from proxy.documents.forms import AddedHeaderName, BaseUrl, CollectorUrl, HeaderText, ModelName, OptionalHeaderName, PathPrefix, StoreUrl
from proxy.documents.together import Conflict, validated
from proxy.documents.variables import Variables
from proxy.identity.address import Trust
from proxy.identity.networks import is_loopback, parse_network

Seconds = Annotated[float, Field(gt=0)]
Bytes = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """A group of settings. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tls(Section):
    """Certificates of a listener, reloaded when the files change."""

    certificate: Path = Field(description="PEM file with the certificate chain.")
    key: Path = Field(description="PEM file with the private key.")
    client_ca: Path | None = Field(None, description="PEM file of authorities; clients must then present a certificate (mTLS).")


class Listen(Section):
    """The traffic listener."""

    host: str = Field("127.0.0.1", description="Address to bind.")
    port: int = Field(8080, ge=0, le=65535, description="Port to bind; 0 takes a free one.")
    tls: Tls | None = Field(None, description="Serve HTTPS with these files.")
    backlog: int = Field(1024, gt=0, description="Connections the kernel may queue before we accept them.")
    max_connections: int = Field(10_000, gt=0, description="Open client connections; further ones are closed at once and counted.")
    proxy_protocol_from: tuple[str, ...] = Field(
        (), description="Networks of peers that begin each connection with a PROXY protocol header."
    )

    @field_validator("proxy_protocol_from")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            parse_network(network)
        return networks


class Admin(Section):
    """The listener for metrics, health and policy state."""

    host: str = Field("127.0.0.1", description="Address to bind. Off loopback a token is required.")
    port: int = Field(9090, ge=0, le=65535, description="Port to bind; 0 takes a free one.")
    token: SecretStr | None = Field(None, description="Bearer token that callers must send.")
    token_file: Path | None = Field(None, description="File that holds the token, for mounted secrets.")


class Inject(Section):
    """A header added on the way to the upstream, so that clients never hold its credential."""

    header: AddedHeaderName = Field(
        "authorization", description="Header name; the client's own is removed, and with a credential all of the client's."
    )
    value_env: str = Field("", description="Environment variable that holds the value.")
    value_file: Path | None = Field(None, description="File that holds the value, re-read when it changes.")
    prefix: HeaderText = Field("", description="Text put before the value, such as 'Bearer '.")

    @model_validator(mode="after")
    def _one_source(self) -> Inject:
        if bool(self.value_env) == bool(self.value_file):
            raise ValueError("give exactly one of value_env and value_file")
        return self


class Upstream(Section):
    """A model endpoint and what goes to it. The first upstream that matches takes a request."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$", description="Name in metrics and records.")
    url: BaseUrl = Field(description="Base URL, http or https; its path is put before the request's path.")
    paths: tuple[PathPrefix, ...] = Field((), description="Path prefixes that go here; empty means any.")
    models: tuple[ModelName, ...] = Field((), description="Models that go here, with * at the end for a prefix; empty means any.")
    connect_s: Seconds = Field(5.0, description="Time to connect, TLS included.")
    read_s: Seconds = Field(600.0, description="Longest silence after a request was sent, and between two reads of its answer.")
    idle_s: Seconds = Field(4.0, description="How long an idle connection is kept; keep it under the upstream's own.")
    inject: tuple[Inject, ...] = Field((), description="Headers to add.")
    ca: Path | None = Field(None, description="PEM file of authorities to trust instead of the system's.")
    client_certificate: Path | None = Field(None, description="PEM file with a client certificate and its key (mTLS).")
    fresh_connections: bool = Field(False, description="Never reuse a connection between requests.")
    opens_thought: tuple[ModelName, ...] = Field(
        (),
        description="Models, written like `models`, whose chat template opens <think> itself: stripped reasoning begins with their first word.",
    )


class Jwt(Section):
    """Accounts from a verified token's claims."""

    jwks_file: Path = Field(description="JSON Web Key Set of the issuer.")
    issuer: str = Field(description="Required iss claim.")
    audience: str = Field(description="Required aud claim.")
    account_claim: str = Field("sub", description="Claim that names the account.")
    claims: dict[str, str] = Field({"org": "org", "tier": "tier"}, description="Account attribute: claim that holds it.")


class Identity(Section):
    """How a caller is recognised."""

    trust_everyone_which_lets_anyone_choose_their_address: bool = Field(
        False, description="Allow 0.0.0.0/0 or ::/0 in trusted_proxies. Any client can then claim any region."
    )
    trusted_proxies: tuple[str, ...] = Field((), description="Networks whose forwarding and account headers are believed.")
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = Field("x-forwarded-for", description="The one forwarding header read.")
    malformed_forwarded: Literal["last_good", "refuse"] = Field("last_good", description="What a malformed entry in it does.")
    account_header: OptionalHeaderName = Field("", description="Header in which a trusted proxy names the account; empty for none.")
    account_headers: dict[str, OptionalHeaderName] = Field({}, description="Account attribute: header in which a trusted proxy sends it.")
    tls_fingerprint_header: OptionalHeaderName = Field(
        "", description="Header in which a trusted edge puts a TLS fingerprint; empty for none."
    )
    jwt: Jwt | None = Field(None, description="Read accounts from verified tokens.")
    accounts_file: Path | None = Field(None, description="YAML or CSV file of account attributes, reloaded when it changes.")
    digest_key: SecretStr | None = Field(
        None, description="Key of the digests of credentials, accounts and addresses; random at each start if unset."
    )
    digest_key_file: Path | None = Field(None, description="File that holds the digest key.")

    @field_validator("trusted_proxies")
    @classmethod
    def _are_to_be_trusted(cls, networks: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        Trust.parse(networks, allow_any=info.data.get("trust_everyone_which_lets_anyone_choose_their_address", False))
        return networks


class EdgeGeo(Section):
    """Region headers that a trusted edge sets. Empty names are not read."""

    country: OptionalHeaderName = Field("", description="Header with the ISO 3166-1 country.")
    subdivision: OptionalHeaderName = Field("", description="Header with the subdivision, with or without its country: UA-43, UA43 or 43.")
    asn: OptionalHeaderName = Field("", description="Header with the AS number.")


class Geo(Section):
    """Region databases."""

    databases: tuple[Path, ...] = Field(
        (), description="MaxMind-format files, the first that knows a field wins; before the embedded ones."
    )
    embedded: bool = Field(True, description="Use the embedded country and AS databases where the files say nothing.")
    max_age_days: Seconds = Field(45.0, description="Older databases make the region's status stale.")
    edge: EdgeGeo = Field(EdgeGeo(), description="Region headers from trusted proxies, believed before the databases.")


class State(Section):
    """Where limits are counted."""

    kind: Literal["memory", "redis"] = Field(
        "memory", description="memory: this process only. redis: shared by replicas (Valkey works too)."
    )
    url: StoreUrl = Field(SecretStr("redis://127.0.0.1:6379/0"), description="Redis URL.")
    replicas: int = Field(1, gt=0, description="Replicas that share the limits; each enforces its share while the store is lost.")
    on_loss: Literal["local", "deny", "allow"] = Field("local", description="What limits do while the store is lost.")
    budget_ms: float = Field(20.0, gt=0, description="Longest wait for the store on the request path.")
    max_keys: int = Field(131_072, gt=0, description="Limit keys kept in memory.")


class Caps(Section):
    """Sizes and times a client may use up."""

    body_bytes: Bytes = Field(16 * 1024 * 1024, description="Request body, as sent.")
    upload_bytes: Bytes = Field(64 * 1024 * 1024, description="Body of a file or batch upload.")
    decoded_bytes: Bytes = Field(32 * 1024 * 1024, description="Request body after its content coding is undone.")
    header_bytes: Bytes = Field(32 * 1024, description="All request headers together.")
    header_s: Seconds = Field(20.0, description="Time for a request's headers, and for an idle connection.")
    body_s: Seconds = Field(60.0, description="Time for a request's body.")
    stall_s: Seconds = Field(120.0, description="Longest time in which a client takes nothing of its answer; then it is taken for gone.")
    stripped_bytes: Bytes = Field(16 * 1024 * 1024, description="Longest answer that is held to strip parts from it; streams aren't.")
    in_flight: int = Field(2000, gt=0, description="Exchanges at a time; further ones are answered 503 with Retry-After.")


class Log(Section):
    """Logs and records."""

    format: Literal["json", "console"] = Field("json", description="json: one line an event. console: for people.")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level written.")
    records: Literal["stdout", "file", "off"] = Field("stdout", description="Where one record an exchange goes.")
    file: Path = Field(Path("records.jsonl"), description="Record file, hash-chained and rotated; where records is file.")
    rotate_bytes: Bytes = Field(256 * 1024 * 1024, description="Size at which the record file is rotated.")
    keep_files: int = Field(14, gt=0, description="Rotated files kept.")
    queue: int = Field(16_384, gt=0, description="Records that may wait for the writer; further ones are dropped and counted.")
    sync: Literal["never", "batch"] = Field("batch", description="batch: fsync after each batch. never: leave it to the system.")
    addresses: bool = Field(False, description="Log client addresses and account ids in clear instead of keyed digests.")
    facts: bool = Field(False, description="Add every fact that rules, limits and waivers read to each record, for explain.")


_OF_THE_RECORD_FILE: Final = frozenset({"file", "rotate_bytes", "keep_files", "sync"})


class Capture(Section):
    """Recording of traffic for replay. Off by default; credentials are never recorded."""

    file: Path | None = Field(None, description="Trace file to write, compressed if it ends with .gz; a line comes caps.body_s late.")
    percent: float = Field(100.0, gt=0, le=100, description="Share of accounts recorded, stable by account.")
    max_bytes: Bytes = Field(1024 * 1024 * 1024, description="Recording stops at this size.")
    bodies: bool = Field(False, description="Record texts too, as `calibrate` needs. Otherwise texts become their lengths.")


class Detection(Section):
    """The distillation detector."""

    enabled: bool = Field(True, description="Score traffic. Policy decides what a score does.")
    sweep_s: Seconds = Field(15.0, description="Time between two searches for campaigns.")
    evidence_file: Path | None = Field(None, description="Overrides of the evidence table, as `calibrate` writes them.")
    bank_file: Path | None = Field(None, description="Question bank to recognise, as `tos-proxy bank` builds it.")


class Tracing(Section):
    """OpenTelemetry traces; needs the tracing extra."""

    endpoint: CollectorUrl = Field("", description="OTLP/HTTP endpoint; empty for none.")
    convention: Literal["v1.36", "v1.37"] = Field("v1.37", description="Version of the GenAI conventions that names the attributes.")
    sample_percent: float = Field(100.0, ge=0, le=100, description="Share of traces kept where the caller decided nothing.")


class Shutdown(Section):
    """What SIGTERM does."""

    drain_s: float = Field(5.0, ge=0, description="Not ready, but still serving, so that load balancers notice.")
    streams_s: float = Field(120.0, ge=0, description="Time for open exchanges to finish after that; then they are cut.")


class Settings(BaseSettings):
    """Everything an operator sets once."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix="TOSPROXY_", env_nested_delimiter="__")

    policies: Path = Field(Path("policies"), description="Folder of policy files, reloaded when it changes.")
    watch: bool = Field(True, description="Watch policies, accounts and databases for changes.")
    listen: Listen = Field(Listen(), description="Traffic listener.")
    admin: Admin = Field(Admin(), description="Metrics and health listener.")
    upstreams: tuple[Upstream, ...] = Field((), description="Model endpoints; without any, the built-in demo endpoint answers.")
    identity: Identity = Field(Identity(), description="Addresses and accounts.")
    geo: Geo = Field(Geo(), description="Region databases.")
    state: State = Field(State(), description="Limit state.")
    caps: Caps = Field(Caps(), description="Sizes and times.")
    log: Log = Field(Log(), description="Logs and records.")
    capture: Capture = Field(Capture(), description="Traffic recording.")
    detection: Detection = Field(Detection(), description="Distillation detection.")
    tracing: Tracing = Field(Tracing(), description="Traces.")
    shutdown: Shutdown = Field(Shutdown(), description="Shutdown.")

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, values: Any, handler: ModelWrapValidatorHandler[Settings]) -> Settings:
        return validated(values, handler, cls._conflicts)

    def _conflicts(self) -> Iterator[Conflict]:
        loopback = self.admin.host == "localhost" or is_loopback(self.admin.host)
        if not loopback and not (self.admin.token or self.admin.token_file):
            yield ("admin", "host"), frozenset({"admin"}), "isn't loopback: set admin.token or admin.token_file"
        # Key names in the store are keyed digests: replicas with keys of their own would count apart, silently.
        if self.state.kind == "redis" and not (self.identity.digest_key or self.identity.digest_key_file):
            told = "a store that is shared: set identity.digest_key or identity.digest_key_file, the same on all replicas"
            yield ("state", "kind"), frozenset({"state", "identity"}), told
        # Whoever names a record file expects to find one: it would be a surprise of the day on which it is needed.
        if self.log.records == "stdout":
            for name in sorted(self.log.model_fields_set & _OF_THE_RECORD_FILE):
                yield (
                    ("log", name),
                    frozenset({"log"}),
                    "is for a file, and records go to standard output: set log.records to file, or remove this",
                )
        names = [upstream.name for upstream in self.upstreams]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield ("upstreams", index, "name"), frozenset({"upstreams"}), f"{name!r} is taken: give each upstream its own name"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment outweighs the file; nothing else is read."""
        del env_settings, dotenv_settings, file_secret_settings
        return (Variables(settings_cls), init_settings)
