"""Upload a DataFrame: the columns are named after channels, and one of them has the times."""

from __future__ import annotations

import numpy as np
import pandas as pd

import siftstream as ss
from siftstream.testing import LocalServer

rows = 100_000
frame = pd.DataFrame(
    {
        "time": pd.date_range("2026-01-01", periods=rows, freq="ms", tz="UTC"),
        "pressure": 5 + np.random.default_rng(1).normal(size=rows),
        "phase": pd.Categorical.from_codes(np.arange(rows) % 2, ["fill", "hold"]),
    }
)
config = ss.IngestionConfig(
    "tank-2",
    "tank-2-v1",
    [ss.Flow("tank", [ss.Channel.double("pressure", unit="bar"), ss.Channel.enumeration("phase", ["fill", "hold"])])],
)

with LocalServer(count_only=True) as server:
    with ss.Stream(config, **server.options()) as stream:
        stream.send_columns("tank", "time", frame)
    print(f"Sift has {server.row_count} rows")
