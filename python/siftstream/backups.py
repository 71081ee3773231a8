"""What backup files hold.

    backup = siftstream.read_backup("/var/lib/rig/backups")
    frame = backup.to_pandas("engine")
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from . import _siftstream
from ._schema import IngestionConfig
from ._siftstream import BackupTable

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

__all__ = ["Backup", "read_backup"]


class Backup(Mapping[str, BackupTable]):
    """The rows of backup files: a table for each flow, with the columns `timestamp`, `run_id` and the channels.

    A table has Arrow's C interface, so that pyarrow, polars, pandas and DuckDB take it as it is.

    Attributes:
        unfit_rows: Rows that do not fit their flow, and are left out.
        damaged_bytes: Bytes of the files that cannot be read, and are left out.
    """

    def __init__(self, tables: Mapping[str, BackupTable], unfit_rows: int, damaged_bytes: int) -> None:
        self._tables = dict(tables)
        self.unfit_rows = unfit_rows
        self.damaged_bytes = damaged_bytes

    def __getitem__(self, flow: str) -> BackupTable:
        return self._tables[flow]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def to_pyarrow(self, flow: str) -> pyarrow.Table:
        """The rows of a flow as a `pyarrow.Table`."""
        import pyarrow

        return pyarrow.table(self[flow])

    def to_pandas(self, flow: str) -> pandas.DataFrame:
        """The rows of a flow as a `pandas.DataFrame`. Needs pyarrow."""
        frame: pandas.DataFrame = self.to_pyarrow(flow).to_pandas()
        return frame

    def to_polars(self, flow: str) -> polars.DataFrame:
        """The rows of a flow as a `polars.DataFrame`."""
        import polars

        return polars.DataFrame(self[flow])

    def __repr__(self) -> str:
        flows = ", ".join(f"{flow!r}: {len(table)} rows" for flow, table in self.items())
        return f"<siftstream.Backup of {flows or 'no rows'}>"


def read_backup(path: str | os.PathLike[str], config: IngestionConfig | None = None) -> Backup:
    """Read backup files. Nothing of them is changed, and they may be in use.

    Args:
        path: A file, a slot, or any directory with backup files below it.
        config: Names the channels of files that lie in no slot; a slot remembers them.

    Raises:
        NotFound: There is nothing at `path`.
        UnknownFlow: The channels of a flow are not known: give `config`.
    """
    flows = None if config is None else config.flows
    return Backup(*_siftstream.read_backup(os.fspath(path), flows))
