"""For `make lab` and Binder: in JupyterLab chapters open as notebooks, and an equation has one number."""

import os
import shutil
import sys
from pathlib import Path

from ipykernel.kernelspec import install

import grokutil  # noqa: F401 (sets the environment)

LAB = Path(__file__).with_name("lab")
SETTINGS, EXTENSION = LAB / "settings.json", LAB / "equations"


def main() -> None:
    """Copy settings and extension to where the JupyterLab of this Python looks for them, and set its kernel up.

    Chapters import PyTorch before grokutil, so what OpenMP reads must be there when the kernel starts.
    """
    share = Path(sys.prefix, "share", "jupyter")
    defaults = share / "lab" / "settings"
    defaults.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SETTINGS, defaults / "overrides.json")
    shutil.copytree(EXTENSION, share / "labextensions" / EXTENSION.name, dirs_exist_ok=True)
    install(prefix=sys.prefix, env={"GOMP_SPINCOUNT": os.environ["GOMP_SPINCOUNT"]})


if __name__ == "__main__":
    main()
