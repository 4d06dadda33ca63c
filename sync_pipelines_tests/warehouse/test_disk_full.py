"""A disk that is full, acted out by a child process that may write only small files: nothing half is ever left."""

import subprocess
import sys
from pathlib import Path

import pytest

from sync_pipelines.warehouse.snapshots import About, Warehouse
from sync_pipelines.warehouse.spool import ItemSpool, export_csv
from sync_pipelines_tests.warehouse.conftest import files

KEY, ACCOUNT = ("catsy", "products"), "https://api.example.com/queries/1"
AT = "2026-01-01T00:00:00+00:00"

CHILD = """
import random, resource, signal, sys
from pathlib import Path
import pyarrow as pa
from sync_pipelines.warehouse.snapshots import About, Warehouse
from sync_pipelines.warehouse.spool import ItemSpool, export_csv

what, root, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
warehouse, about = Warehouse(root), About("https://api.example.com/queries/1", "2026-01-02T00:00:00+00:00")
noise = [random.Random(n).randbytes(40).hex() for n in range(6000)]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
try:
    if what == "snapshot":
        warehouse.write(("catsy", "products"), pa.table({"noise": noise}), about)
    elif what == "spool":
        with ItemSpool(warehouse.staging, "products", {"id": "id"}) as spool:
            for n, text in enumerate(noise):
                spool.add([{"id": n, "noise": text}])
            warehouse.publish(("catsy", "products"), spool.complete(about))
    elif what == "spool with repeats":
        with ItemSpool(warehouse.staging, "products", {"id": "id"}) as spool:
            spool.add([{"id": n % 500, "noise": text} for n, text in enumerate(noise[:600])])
            spool._flush()
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 60_000))
            warehouse.publish(("catsy", "products"), spool.complete(about))
    else:
        export_csv(warehouse.path(("catsy", "products"), about.account), target, ())
except OSError as e:
    sys.exit(f"disk full: {e}")
"""


@pytest.mark.parametrize("what", ["snapshot", "spool", "spool with repeats", "export"])
def test_a_full_disk_leaves_what_was_there_and_no_draft(warehouse: Warehouse, tmp_path: Path, what: str) -> None:
    target = tmp_path / "out" / "full.csv"
    with ItemSpool(warehouse.staging, "products", {"id": "id"}) as spool:
        spool.add([{"id": n, "text": "x" * 200} for n in range(1000)])
        before = warehouse.publish(KEY, spool.complete(About(ACCOUNT, AT)))
    export_csv(before.path, target, ())
    exported = target.read_bytes()
    assert len(exported) > 200_000

    command = [sys.executable, "-c", CHILD, what, str(warehouse.root), str(target)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert (child.returncode, child.stderr[:10]) == (1, "disk full:"), child.stderr
    assert warehouse.find(KEY, ACCOUNT) == before
    assert target.read_bytes() == exported
    assert files(target.parent) == ["full.csv"]
    assert files(warehouse.staging) == []
