"""The environment of a result: versions, system and hardware, and the memory this process used."""

import importlib.metadata
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

# How times are shown: below a limit (seconds), in a unit (seconds), in a form.
DURATIONS = ((0.01, 1e-3, "{:.1f} ms"), (10, 1, "{:.2f} s"), (600, 1, "{:.0f} s"), (7200, 60, "{:.0f} min"))
FLOAT32_SHARE = 0.6  # of the free memory, which the weights of a base in float32 may take
CGROUP = Path("/sys/fs/cgroup")
PACKAGES = ("gradschool", "torch", "transformers", "tokenizers", "safetensors", "lancedb", "numpy", "scipy")


@dataclass(frozen=True, slots=True)
class Environment:
    """What a result may depend on."""

    python: str
    packages: dict[str, str]  # version of each
    system: str
    processor: str
    cores: int | None  # None if the system does not say
    memory: int  # bytes


def environment() -> Environment:
    """The environment of this process."""
    return Environment(
        python=platform.python_version(),
        packages={name: version for name in PACKAGES if (version := _version(name))},
        system=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        cores=os.cpu_count(),
        memory=psutil.virtual_memory().total,
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def peak_memory() -> int:
    """The peak resident memory of this process, in bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # macOS reports bytes, Linux kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def free_memory(cgroup: Path = CGROUP) -> int:
    """Free bytes of memory; a container may have less than its machine."""
    free = int(psutil.virtual_memory().available)
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
        lines = (line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        cached = next(int(number) for name, number in lines if name == "inactive_file")
    except (OSError, ValueError, StopIteration):  # no such files, or "max": no limit
        return free
    return max(0, min(free, limit - used + cached))


def gigabytes(count: int) -> str:
    """A number of bytes for display, such as 1.2 GB."""
    return f"{count / 1e9:.1f} GB" if count >= 95_000_000 else f"{count / 1e6:.0f} MB"


def duration(seconds: float) -> str:
    """A time in one unit."""
    for limit, unit, form in DURATIONS:
        if seconds < limit:
            return form.format(seconds / unit)
    return f"{seconds / 3600:.1f} h"
