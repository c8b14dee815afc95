"""The peers of a measurement in an environment of their own, which sees our torch and transformers beside its packages.

python -m bench.peers FOLDER      make it, or bring it up to date
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import torch

PACKAGES = ("trl==1.16.0", "peft==0.21.2")
DEFAULT = Path(tempfile.gettempdir()) / "gradschool-peers"


def peers(folder: Path = DEFAULT) -> Path:
    """The Python of an environment with TRL and PEFT; made where it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        ours = Path(torch.__file__).parents[1]
        [packages] = folder.glob("lib/python*/site-packages")
        # The same torch and transformers for all contestants: what differs is the trainer.
        (packages / "shared.pth").write_text(f"{ours}\n")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


if __name__ == "__main__":
    print(peers(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT))
