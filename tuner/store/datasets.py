"""Which files a team has given, and under which names."""

from __future__ import annotations

from tuner.store.connection import Database, one
from tuner.store.records import DataSet
from tuner.store.rows import dataset_of, folded, to_text

_NAMED = """
    SELECT datasets.*, named.name AS name, named.added_at AS added_at
    FROM dataset_names named JOIN datasets ON datasets.team = named.team AND datasets.id = named.dataset
"""


async def add_dataset(database: Database, dataset: DataSet) -> DataSet:
    async with database.transaction() as connection:
        await connection.execute(
            """
            INSERT INTO datasets (team, id, folder, report, person) VALUES (:team, :id, :folder, :report, :person)
            ON CONFLICT (team, id) DO UPDATE SET report = :report
            """,
            {
                "team": dataset.team,
                "id": dataset.id,
                "folder": dataset.folder,
                "report": to_text(dict(dataset.report)),
                "person": dataset.person,
            },
        )
        await connection.execute(
            "INSERT OR REPLACE INTO dataset_names (team, dataset, name, folded, added_at) VALUES (?, ?, ?, ?, ?)",
            (dataset.team, dataset.id, dataset.name, folded(dataset.name), dataset.added_at),
        )
        stored = await one(connection, f"{_NAMED} WHERE named.seq = last_insert_rowid()")
        assert stored is not None
        return dataset_of(stored)


async def dataset(database: Database, team: str, name_or_id: str) -> DataSet | None:
    row = await database.row(
        f"""
        {_NAMED} WHERE named.team = :team AND (named.dataset = :id OR named.folded = :folded)
        ORDER BY named.dataset = :id DESC, named.seq DESC LIMIT 1
        """,
        {"team": team, "id": name_or_id, "folded": folded(name_or_id)},
    )
    return None if row is None else dataset_of(row)


async def datasets(database: Database, team: str) -> list[DataSet]:
    found = await database.rows(
        f"""
        {_NAMED} WHERE named.team = :team
          AND named.seq IN (SELECT MAX(seq) FROM dataset_names WHERE team = :team GROUP BY dataset)
        ORDER BY named.seq DESC
        """,
        {"team": team},
    )
    return [dataset_of(row) for row in found]
