"""Time of the main job, empty cache, over the 60 s that it may take on two cores."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 60.0


def main() -> None:
    command = Path(sys.executable).with_name("na64ana")
    for arguments in (["limits"], ["limits", "--published"], ["--help"]):
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"NA64ANA_CACHE": f"{folder}/cache"}
            start = time.perf_counter()
            subprocess.run(
                [command, *arguments], cwd=folder, env=environment, check=True, capture_output=True
            )
            seconds = time.perf_counter() - start
        print(f"na64ana {' '.join(arguments):20s} {seconds:6.2f} s = {seconds / LIMIT:.3f} of 60 s")


if __name__ == "__main__":
    main()
