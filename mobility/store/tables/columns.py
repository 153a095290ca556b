"""What all tables are made of."""

from typing import Any

from sqlalchemy import Column, MetaData, Text
from sqlalchemy.types import TypeEngine

metadata = MetaData()


def key(name: str, type_: type[TypeEngine[Any]] = Text) -> Column[Any]:
    """A column of the primary key; never filled in by the database."""
    return Column(name, type_, primary_key=True, autoincrement=False, nullable=False)


def column(name: str, type_: type[TypeEngine[Any]], *, nullable: bool = False) -> Column[Any]:
    return Column(name, type_, nullable=nullable)
