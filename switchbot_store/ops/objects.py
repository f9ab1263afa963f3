"""What a database holds: schemas, their objects, and what one object is made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from switchbot_store.errors import StoreDataError
from switchbot_store.languages import worded
from switchbot_store.ops.target import TIMEOUT_SECONDS, read

if TYPE_CHECKING:
    from switchbot_store.ops.target import Session, Target

ObjectType = Literal["table", "view", "sequence", "extension"]

_SCHEMAS: Final = """
SELECT
    n.nspname::text AS name,
    pg_get_userbyid(n.nspowner)::text AS owner,
    n.nspname LIKE 'pg\\_%' OR n.nspname = 'information_schema' AS system,
    (SELECT count(*) FROM pg_class c
        WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S'))::int
        AS objects
FROM pg_namespace n
WHERE n.nspname NOT LIKE 'pg\\_temp%' AND n.nspname NOT LIKE 'pg\\_toast%'
ORDER BY system, name
"""
_KINDS: Final = {"table": "rpf", "view": "vm", "sequence": "S"}
_OBJECTS: Final = """
SELECT
    n.nspname::text AS schema,
    c.relname::text AS name,
    CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table'
        WHEN 'f' THEN 'foreign table' WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view' ELSE 'sequence' END AS type,
    pg_get_userbyid(c.relowner)::text AS owner,
    CASE WHEN c.relkind IN ('r', 'm', 'p') THEN pg_total_relation_size(c.oid) END AS bytes,
    CASE WHEN c.relkind IN ('r', 'm') AND c.reltuples >= 0 THEN c.reltuples::bigint END
        AS estimated_rows,
    coalesce(obj_description(c.oid, 'pg_class'), '') AS comment
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind::text = ANY (%s)
ORDER BY c.relname
"""
_EXTENSIONS: Final = """
SELECT n.nspname::text AS schema, e.extname::text AS name, 'extension' AS type,
    pg_get_userbyid(e.extowner)::text AS owner, NULL::bigint AS bytes,
    NULL::bigint AS estimated_rows, 'version ' || e.extversion AS comment
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE n.nspname = %s ORDER BY 2
"""
_ONE: Final = """
SELECT c.oid::bigint AS oid, c.relkind::text AS kind, n.nspname::text AS schema,
    c.relname::text AS name, pg_get_userbyid(c.relowner)::text AS owner,
    CASE WHEN c.relkind IN ('r', 'm', 'p') THEN pg_total_relation_size(c.oid) END AS bytes,
    CASE WHEN c.relkind IN ('r', 'm') AND c.reltuples >= 0 THEN c.reltuples::bigint END
        AS estimated_rows,
    coalesce(obj_description(c.oid, 'pg_class'), '') AS comment,
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid, true) ELSE '' END
        AS definition
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
"""
_COLUMNS: Final = """
SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type,
    NOT a.attnotnull AS nullable,
    coalesce(pg_get_expr(d.adbin, d.adrelid), '') AS "default",
    CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' ELSE '' END
        AS identity,
    coalesce(col_description(a.attrelid, a.attnum), '') AS comment
FROM pg_attribute a
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_CONSTRAINTS: Final = """
SELECT conname::text AS name, pg_get_constraintdef(oid) AS definition,
    convalidated AS validated
FROM pg_constraint WHERE conrelid = %s ORDER BY contype, conname
"""
_INDEXES: Final = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition,
    i.indisvalid AS valid, pg_relation_size(i.indexrelid) AS bytes
FROM pg_index i WHERE i.indrelid = %s ORDER BY 1
"""
_SEQUENCE: Final = """
SELECT format_type(s.seqtypid, NULL) AS type, s.seqstart AS start, s.seqincrement AS step,
    s.seqmin AS minimum, s.seqmax AS maximum, s.seqcycle AS cycles,
    CASE WHEN has_sequence_privilege(s.seqrelid, 'USAGE,SELECT')
        THEN pg_sequence_last_value(s.seqrelid) END AS last_value
FROM pg_sequence s WHERE s.seqrelid = %s
"""
_TYPES: Final = {
    "r": "table",
    "p": "partitioned table",
    "f": "foreign table",
    "v": "view",
    "m": "materialized view",
    "S": "sequence",
}


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema; `system` ones are PostgreSQL's own. `objects` counts relations.

    `database_url` is one as ``postgresql://user@localhost/home``:

    >>> from switchbot_store.ops import list_schemas
    >>> [each.name for each in list_schemas(database_url) if not each.system]
    ['public']
    """

    name: str
    owner: str
    system: bool
    objects: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class DatabaseObject:
    """A table, view, sequence or extension.

    `bytes` with indexes and TOAST; `estimated_rows` as of the last ANALYZE; None where
    there is no such number.

    `database_url` is one as ``postgresql://user@localhost/home``:

    >>> from switchbot_store import migrate
    >>> from switchbot_store.ops import list_objects
    >>> applied = migrate(database_url)
    >>> "json_store" in [each.name for each in list_objects(database_url, "public")]
    True
    """

    schema: str
    name: str
    type: str
    owner: str
    bytes: int | None
    estimated_rows: int | None
    comment: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ObjectDetails:
    """What one object is made of; each part is a dict a row, as `to_dict` has them.

    `database_url` is one as ``postgresql://user@localhost/home``:

    >>> from switchbot_store import migrate
    >>> from switchbot_store.ops import get_object_details
    >>> applied = migrate(database_url)
    >>> details = get_object_details(database_url, "public", "json_store")
    >>> details.object.type, [each["name"] for each in details.columns][:2]
    ('table', ['kind', 'data'])
    """

    object: DatabaseObject
    columns: tuple[dict[str, Any], ...] = ()
    constraints: tuple[dict[str, Any], ...] = ()
    indexes: tuple[dict[str, Any], ...] = ()
    sequence: dict[str, Any] | None = None
    definition: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            **self.object.to_dict(),
            "columns": list(self.columns),
            "constraints": list(self.constraints),
            "indexes": list(self.indexes),
            "sequence": self.sequence,
            "definition": self.definition,
        }


def list_schemas(
    target: Target, *, timeout_seconds: float = TIMEOUT_SECONDS
) -> list[Schema]:
    """Return every schema, one's own first. Raises as `analyze_db_health` does."""

    def look(session: Session) -> list[Schema]:
        return [Schema(**row) for row in session.rows(_SCHEMAS)]

    return read(target, look, timeout_seconds=timeout_seconds)


def list_objects(
    target: Target,
    schema: str,
    object_type: ObjectType = "table",
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> list[DatabaseObject]:
    """Return a schema's tables, views, sequences or extensions by name.

    Raises ValueError for another type, StoreDataError for a schema there is not.
    """
    if object_type not in get_args(ObjectType):
        raise ValueError(
            worded(
                "no object type {object_type!r}; there are {objecttype}",
                object_type=object_type,
                objecttype=", ".join(get_args(ObjectType)),
            )
        )

    def look(session: Session) -> list[DatabaseObject]:
        _check_schema(session, schema)
        if object_type == "extension":
            rows = session.rows(_EXTENSIONS, [schema])
        else:
            rows = session.rows(_OBJECTS, [schema, list(_KINDS[object_type])])
        return [DatabaseObject(**row) for row in rows]

    return read(target, look, timeout_seconds=timeout_seconds)


def get_object_details(
    target: Target,
    schema: str,
    name: str,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> ObjectDetails:
    """Return what a table, view, sequence or extension is made of.

    Raises StoreDataError for one that there is not.
    """

    def look(session: Session) -> ObjectDetails:
        _check_schema(session, schema)
        found = session.rows(_ONE, [schema, name])
        if not found:
            return _extension(session, schema, name)
        row = found[0]
        described = DatabaseObject(
            schema=row["schema"],
            name=row["name"],
            type=_TYPES[row["kind"]],
            owner=row["owner"],
            bytes=row["bytes"],
            estimated_rows=row["estimated_rows"],
            comment=row["comment"],
        )
        oid = [row["oid"]]
        if row["kind"] == "S":
            return ObjectDetails(described, sequence=session.row(_SEQUENCE, oid))
        return ObjectDetails(
            described,
            columns=tuple(session.rows(_COLUMNS, oid)),
            constraints=tuple(session.rows(_CONSTRAINTS, oid)),
            indexes=tuple(session.rows(_INDEXES, oid)),
            definition=row["definition"],
        )

    return read(target, look, timeout_seconds=timeout_seconds)


def _check_schema(session: Session, schema: str) -> None:
    if not session.rows("SELECT FROM pg_namespace WHERE nspname = %s", [schema]):
        names = [row["name"] for row in session.rows(_SCHEMAS) if not row["system"]]
        raise StoreDataError(
            worded(
                "no schema {schema!r}; there are {names}",
                schema=schema,
                names=", ".join(names),
            )
        )


def _extension(session: Session, schema: str, name: str) -> ObjectDetails:
    for row in session.rows(_EXTENSIONS, [schema]):
        if row["name"] == name:
            return ObjectDetails(DatabaseObject(**row))
    raise StoreDataError(
        worded(
            "nothing named {name!r} in the schema {schema!r}", name=name, schema=schema
        )
    )
