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

from main_server.store.models import Role, RoleVersion, new_id, utc_now
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
    for place, template in enumerate(templates().values()):
        row = kept.get(template.key)
        if row is None:
            _add(connection, template, place)
        elif any(getattr(row, name) != value for name, value in template.body.items()):
            version = row.version + 1
            connection.execute(update(Role).where(Role.id == row.id).values(**template.body, version=version))
            _keep_version(connection, row.id, version)


def _add(connection: Connection, template: Template, place: int) -> None:
    role_id, at = new_id(), utc_now() - timedelta(milliseconds=place)  # lists show them in the order of their files
    row = {"id": role_id, "account_id": None, "template": template.key, "created_at": at, "updated_at": at}
    connection.execute(insert(Role).values(**row, **template.body, version=1))
    _keep_version(connection, role_id, 1)


def _keep_version(connection: Connection, role_id: str, version: int) -> None:
    row = connection.execute(select(*(getattr(Role, name) for name in BODY)).where(Role.id == role_id)).one()
    values = {"role_id": role_id, "version": version, "editor": EDITOR, "body": dict(row._mapping)}
    connection.execute(insert(RoleVersion).values(**values))


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
