"""A separate environment with TRL and PEFT that uses our torch and transformers.

python -m bench.peers [FOLDER]      create or update it, by default in .peers/ of the repository
"""

import subprocess
import venv
from pathlib import Path

import torch

from bench.usage import documented

PACKAGES = ("trl==1.16.0", "peft==0.21.2")
DEFAULT = Path(__file__).parents[1] / ".peers"


def peers(folder: Path = DEFAULT) -> Path:
    """The Python interpreter of an environment with TRL and PEFT, which is created if missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        ours = Path(torch.__file__).parents[1]
        [packages] = folder.glob("lib/python*/site-packages")
        # All libraries use the same torch and transformers, so only the trainer differs.
        (packages / "shared.pth").write_text(f"{ours}\n")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("folder", metavar="FOLDER", type=Path, nargs="?", default=DEFAULT)
    print(peers(parser.parse_args().folder))
