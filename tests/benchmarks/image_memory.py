"""Compare the memory of a training step with PyTorch's: how much a step on a large batch adds to the peak.

Each library runs in a process of its own, on the network of tests.benchmarks.images. A step with one image first loads
the library and allocates what does not depend on the batch; then one step with the whole batch runs. The difference of
the peaks that the system saw is the memory of the batch. Linux only: it reads /proc/self/status, since the peak that
`getrusage` reports includes that of the parent process.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

STATUS, BATCHES = Path("/proc/self/status"), (32, 128, 512)
LIBRARIES = {"minidl": "minidl", "torch": "PyTorch eager"}


def worker(library, batch):
    """Print by how many bytes a step on this batch raises the peak of the process."""
    from tests.benchmarks.images import CONTENDERS, ImageWorkload

    make, _ = CONTENDERS[LIBRARIES[library]]
    small, large = ImageWorkload("", 1, 1), ImageWorkload("", batch, batch)
    make(small)()
    run = make(large)
    before = peak()
    run()
    print(peak() - before)


def peak():
    """Return the largest resident set of this process so far, in bytes."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def measured(library, batch):
    command = [sys.executable, "-m", "tests.benchmarks.image_memory", library, str(batch)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main(rounds=3, batches=BATCHES):
    if not STATUS.exists():
        print("(o) memory of a step: needs Linux's /proc\n")
        return
    installed = [library for library in LIBRARIES if importlib.util.find_spec(library)]
    print(f"### (o) memory of a step by batch\n\n| batch | {' | '.join(installed)} |\n|---:|{'---:|' * len(installed)}")
    for batch in batches:
        least = [min(measured(library, batch) for _ in range(min(rounds, 3))) for library in installed]
        print(f"| {batch} | {' | '.join(f'{found / 1e6:.0f} MB' for found in least)} |", flush=True)
    print()


if __name__ == "__main__":
    worker(sys.argv[1], int(sys.argv[2]))
