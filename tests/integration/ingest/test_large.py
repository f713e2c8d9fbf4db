"""A file far larger than the memory it is taken in with.

MAINTAINER_TEST_LARGE_MB=2048 makes it as large as a busy service's day.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

MEGABYTES = int(os.environ.get("MAINTAINER_TEST_LARGE_MB", "40"))
PEAK_MB = 900  # of the process, with DuckDB held to 512 MB: 40 MB peak at 430, 2.2 GB (41 million rows) at 826
STORE_MEMORY_MB = os.environ.get("MAINTAINER_TEST_STORE_MB", "512")
TAKE = """
import json, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from maintainer.daemon.context import Context
from maintainer.daemon.operations import Operations
from maintainer.settings import load

home = Path(sys.argv[1])
context = Context.open(load(state=home / "state", policies=home / "policies"), lambda: datetime(2026, 1, 1, tzinfo=UTC))
said = Operations(context).tick()
with context.database.reading() as db:
    stored = db.execute("select count(*) from model_small.sample").fetchone()[0]
context.close()
print(json.dumps({"said": said, "stored": stored, "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""


@pytest.mark.slow
def test_a_large_csv_is_taken_in_with_bounded_memory(world: Any) -> None:
    path: Path = world.drop("large.csv", b"")
    rows = MEGABYTES * 20_000
    columns = (
        "'sample-' || lpad(i::varchar, 10, '0') as id, timestamp '2025-06-01' + interval 1 second * (i // 10) as at, "
        "(i * 7919 % 100000) / 1000.0 as x, 'day ' || (i % 7) as day, "
        "case i % 2 when 0 then 'up' else 'down' end as label"
    )
    with duckdb.connect() as db:
        db.execute("set threads = 1")
        db.execute(f"copy (select {columns} from range({rows}) r(i)) to '{path}' (format csv)")
    size = path.stat().st_size
    assert MEGABYTES * 1e6 <= size < MEGABYTES * 1.4e6
    os.utime(path, (0, 0))
    world.operations.context.close()
    taken = [sys.executable, "-c", TAKE, str(world.home)]
    environment = {**os.environ, "MAINTAINER_STORE_MEMORY_MB": STORE_MEMORY_MB}
    done = subprocess.run(
        taken, env=environment, capture_output=True, text=True, timeout=60 + 2 * MEGABYTES, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["stored"] == rows, told["said"]
    print(f"{rows} rows, {size / 1e6:.0f} MB, peak {told['peak_kb'] / 1024:.0f} MB")
    assert told["peak_kb"] / 1024 < PEAK_MB, f"{told['peak_kb'] / 1024:.0f} MB for {size / 1e6:.0f} MB"
