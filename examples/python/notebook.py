# %% [markdown]
# # Send a curve, and plot what was sent
# Jupyter and VS Code open this file as a notebook.

# %%
from __future__ import annotations

import tempfile

import matplotlib.pyplot as plt
import numpy as np

import siftstream as ss

config = ss.IngestionConfig("notebook", "notebook-v1", [ss.Flow("curve", [ss.Channel.double("volts", unit="V")])])

# %% [markdown]
# A recording needs no network: rows go to files, and `python -m siftstream backups send` sends them later.

# %%
directory = tempfile.mkdtemp()
times = np.datetime64("2026-01-01", "ns") + np.arange(1_000) * np.timedelta64(1, "ms")
with ss.Stream(
    config,
    mode="file_backup",
    uri="https://grpc-api.siftstack.com",
    api_key="not-used-yet",
    ingestion_config_id="00000000-0000-0000-0000-000000000001",
    disk_backup_policy={"backups_dir": directory},
) as stream:
    stream.send_columns("curve", times, {"volts": np.sin(np.linspace(0, 20, 1_000))})

# %% [markdown]
# What the files hold is a DataFrame again.

# %%
frame = ss.read_backup(directory).to_pandas("curve")
frame.plot(x="timestamp", y="volts", title=f"{len(frame)} rows")
plt.show()
print(f"plotted {len(frame)} rows")
