"""Templates: roles of the system, written by us and kept in files, which become rows when a database is migrated.

A row follows its file: a new release may change what it says, as one more version of it. Copies that people made are
theirs and stay as they are. A template whose file is gone stays a row, for devices may have it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, update

from main_server.store.models import Role, RoleVersion, utc_now
from main_server.store.roles import BODY

EDITOR = "Zhiyin"
FOLDER = Path(__file__).parent / "templates"
_MANNER = "manner"
"""The file of what every template's persona ends with: how to talk aloud, once per language."""


@dataclass(frozen=True, slots=True)
class Template:
    """`key` begins with the language it is for; `body` holds the columns of a role that differ from a new one's."""

    key: str
    description: str
    tag: str
    body: dict[str, Any]

    @property
    def audience(self) -> str:
        return self.key.partition("-")[0]


@cache
def templates() -> dict[str, Template]:
    """All of them by key."""
    manner = _read(FOLDER / f"{_MANNER}.toml")
    found = (_template(path, manner) for path in sorted(FOLDER.glob("*.toml")) if path.stem != _MANNER)
    return {template.key: template for template in found}


def keep_templates(connection: Connection) -> None:
    """Makes the rows what the files are, and leaves alone what is so already."""
    kept = {row.template: row for row in connection.execute(select(Role).where(Role.template.is_not(None)))}
    new = [_row(template, place) for place, template in enumerate(templates().values()) if template.key not in kept]
    changed = [template for template in templates().values() if _differs(kept.get(template.key), template.body)]
    if new:
        connection.execute(insert(Role), new)
    for template in changed:
        ours = update(Role).where(Role.template == template.key)
        connection.execute(ours.values(**template.body, version=Role.version + 1))
    _keep_versions(connection, [row["template"] for row in new] + [template.key for template in changed])


def _row(template: Template, place: int) -> dict[str, Any]:
    at = utc_now() - timedelta(milliseconds=place)  # lists show them in the order of their files
    return {"template": template.key, "created_at": at, "updated_at": at, "version": 1} | template.body


def _differs(row: Any, body: dict[str, Any]) -> bool:
    return row is not None and any(getattr(row, name) != value for name, value in body.items())


def _keep_versions(connection: Connection, keys: list[str]) -> None:
    columns = (getattr(Role, name) for name in BODY)
    rows = connection.execute(select(Role.id, Role.version, *columns).where(Role.template.in_(keys))).mappings()
    versions = [
        {
            "role_id": row["id"],
            "version": row["version"],
            "editor": EDITOR,
            "body": {name: row[name] for name in BODY},
        }
        for row in rows
    ]
    if versions:
        connection.execute(insert(RoleVersion), versions)


def _template(path: Path, manner: dict[str, Any]) -> Template:
    body = _read(path)
    description, tag = body.pop("description"), body.pop("tag")
    body["persona"] = "\n\n".join(map(_unwrapped, (body["persona"], manner[path.stem.partition("-")[0]])))
    return Template(path.stem, description, tag, body)


def _unwrapped(text: str) -> str:
    """Paragraphs stand in one line each, between blank lines: files are wrapped for us, not for who edits a copy."""
    text = re.sub(r"(?<=[^\n\x00-\x7f])\n(?=[^\n\x00-\x7f])", "", text.strip())
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text)


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
