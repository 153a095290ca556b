"""`[directory.ldap]`: the directory's servers, what is replicated from them, and the limits."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from mobility.directory.schema import SCHEMAS, USER_FIELDS
from mobility.errors import OperatorFault
from mobility.toml_table import Table, between, one_of

MAX_PASSWORD_FILE_BYTES = 1024


@attrs.frozen(slots=True)
class LdapConfig:
    """`[directory.ldap]`.  No `servers`: there is no directory, and all users are local."""

    servers: tuple[str, ...] = ()
    """`ldaps://HOST[:PORT]` or `ldap://HOST[:PORT]`; the first that can be reached is asked."""
    start_tls: bool = True
    """Whether an `ldap://` server is asked for TLS before anything else."""
    allow_plaintext: bool = False
    ca_file: Path | None = None
    """Certificates to trust, PEM; None is what the system trusts."""
    bind_dn: str = ""
    bind_password_file: Path | None = None
    schema: str = one_of("active-directory", "inetorgperson")
    user_base: str = ""
    user_filter: str = ""
    group_base: str = ""
    """"" replicates no groups."""
    group_filter: str = ""
    attributes: dict[str, str] = attrs.Factory(dict)
    """Field of a user to the names of attributes, of which the first with a value counts."""
    uri_domain: str = ""
    """SIP domain of a user whose address attribute has none; "" is the first of sip_domains."""
    phone_country_code: str = ""
    """Country code of phone numbers that are not written with one, without "+"."""
    sync_interval_s: float = between(60.0, 1.0, 86_400.0)
    """Between looks for changes (CsUserReplicatorConfiguration's ReplicationCycleInterval)."""
    full_sync_interval_s: float = between(3_600.0, 1.0, 604_800.0)
    max_removal_percent: int = between(20, 0, 100)
    max_users: int = between(100_000, 1, 1_000_000)
    max_groups: int = between(10_000, 1, 100_000)
    page_size: int = between(500, 10, 1_000)
    connect_timeout_s: float = between(5.0, 0.5, 60.0)
    operation_timeout_s: float = between(15.0, 0.5, 300.0)
    server_retry_s: float = between(10.0, 0.5, 600.0)
    """How long a server that failed is left alone."""
    sign_ins_at_once: int = between(8, 1, 256)
    photo_max_bytes: int = between(262_144, 1_024, 8_388_608)
    photo_cache_photos: int = between(200, 0, 100_000)
    photo_cache_s: float = between(3_600.0, 1.0, 604_800.0)

    @property
    def bind_password(self) -> str:
        """The password of `bind_dn`, read from its file.  Raises OperatorFault."""
        file = self.bind_password_file
        if file is None:
            return ""
        try:
            with open(file, "rb") as stream:
                mode = os.fstat(stream.fileno()).st_mode
                content = stream.read(MAX_PASSWORD_FILE_BYTES + 1)
            password = content.decode().rstrip("\r\n")
        except OSError as error:
            raise OperatorFault(str(file), f"cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise OperatorFault(str(file), "is no UTF-8 text") from None
        if mode & 0o007:
            raise OperatorFault(
                str(file), f"has mode {mode & 0o777:04o}, must not be open to others: chmod 640"
            )
        if not password or len(content) > MAX_PASSWORD_FILE_BYTES:
            raise OperatorFault(
                str(file), f"must hold one password of at most {MAX_PASSWORD_FILE_BYTES} bytes"
            )
        return password


@attrs.frozen(slots=True)
class DirectoryConfig:
    """`[directory]`: where users come from beside the local ones."""

    ldap: LdapConfig = attrs.Factory(LdapConfig)


def read_directory(table: Table, sip_domains: tuple[str, ...]) -> DirectoryConfig:
    """The settings of `[directory]`.  Raises OperatorFault."""
    ldap = read_ldap(table.table("ldap"), sip_domains)
    table.finish()
    return DirectoryConfig(ldap)


def read_ldap(table: Table, sip_domains: tuple[str, ...]) -> LdapConfig:
    """The settings of `[directory.ldap]`.  Raises OperatorFault."""
    files = {name: table.read(name, Path, None) for name in ("ca_file", "bind_password_file")}
    ldap = table.record(LdapConfig, **files)
    if not ldap.servers:
        if ldap != LdapConfig():
            raise table.fault("servers", "is missing")
        return ldap
    for url in ldap.servers:
        parts = _server(url)
        if parts is None:
            raise table.fault("servers", f"{url!r} must be ldaps://HOST or ldap://HOST, with :PORT")
        if parts[0] == "ldap" and not ldap.start_tls and not ldap.allow_plaintext:
            raise table.fault(
                "start_tls",
                "must be true for ldap:// servers, unless allow_plaintext = true says that "
                "passwords may cross the network in the clear",
            )
    for name in ("bind_dn", "bind_password_file", "user_base"):
        if not getattr(ldap, name):
            raise table.fault(name, "is missing")
    _check_filters(table, ldap)
    _check_names(table, ldap, sip_domains)
    return _with_schema(ldap, sip_domains)


def _check_filters(table: Table, ldap: LdapConfig) -> None:
    from mobility.directory.messages import check_filter  # its parser takes long to import

    for name in ("user_filter", "group_filter"):
        problem = check_filter(getattr(ldap, name)) if getattr(ldap, name) else ""
        if problem:
            raise table.fault(name, f"must be a filter as in RFC 4515 ({problem})")


def _check_names(table: Table, ldap: LdapConfig, sip_domains: tuple[str, ...]) -> None:
    for field, names in ldap.attributes.items():
        if field not in USER_FIELDS:
            known = ", ".join(USER_FIELDS)
            raise table.fault("attributes", f"{field!r} must be one of {known}")
        for name in names.split():
            if not name.isascii() or not all(c.isalnum() or c in "-;." for c in name):
                raise table.fault("attributes", f"{name!r} must be the name of an attribute")
    if ldap.uri_domain and ldap.uri_domain not in sip_domains:
        raise table.fault("uri_domain", "must be one of sip_domains")
    code = ldap.phone_country_code
    if code and not (code.isascii() and code.isdigit() and len(code) <= 3 and code[0] != "0"):
        raise table.fault("phone_country_code", 'must be one to three digits, such as "49"')
    if ldap.full_sync_interval_s < ldap.sync_interval_s:
        raise table.fault("full_sync_interval_s", "must not be below sync_interval_s")


def _with_schema(ldap: LdapConfig, sip_domains: tuple[str, ...]) -> LdapConfig:
    """The settings with what the schema says where they say nothing."""
    schema = SCHEMAS[ldap.schema]
    return attrs.evolve(
        ldap,
        user_filter=ldap.user_filter or schema.user_filter,
        group_filter=ldap.group_filter or schema.group_filter,
        attributes={**schema.attributes, **ldap.attributes},
        uri_domain=ldap.uri_domain or sip_domains[0],
    )


def _server(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of a server's URL; None when it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    plain = f"{parts.scheme}://{parts.netloc}" == url.rstrip("/") and parts.username is None
    if parts.scheme not in ("ldap", "ldaps") or not parts.hostname or not plain or port == 0:
        return None
    return parts.scheme, parts.hostname, port or (636 if parts.scheme == "ldaps" else 389)


@attrs.frozen(slots=True)
class Server:
    """Where a server listens; `tls` says that TLS comes before the first message (ldaps)."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def servers_of(ldap: LdapConfig) -> list[Server]:
    """The servers of checked settings, in the order of the settings."""
    found = [_server(url) for url in ldap.servers]
    return [Server(parts[1], parts[2], parts[0] == "ldaps") for parts in found if parts]
