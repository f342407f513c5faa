"""Give JupyterLab the book's settings: chapters open as notebooks. For `make lab` and for Binder."""

import os
import shutil
import sys
from pathlib import Path

from ipykernel.kernelspec import install

import grokutil  # noqa: F401 (sets the environment)

SETTINGS = Path(__file__).with_name("lab-settings.json")


def main() -> None:
    """Copy the settings to where the JupyterLab of this Python looks for its defaults; so for those of its kernel.

    Chapters import PyTorch before grokutil, so what OpenMP reads must be there when the kernel starts.
    """
    target = Path(sys.prefix, "share", "jupyter", "lab", "settings", "overrides.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SETTINGS, target)
    install(prefix=sys.prefix, env={"GOMP_SPINCOUNT": os.environ["GOMP_SPINCOUNT"]})


if __name__ == "__main__":
    main()
