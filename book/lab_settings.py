"""Give JupyterLab the book's settings: chapters open as notebooks. For `make lab` and for Binder."""

import shutil
import sys
from pathlib import Path

SETTINGS = Path(__file__).with_name("lab-settings.json")


def main() -> None:
    """Copy the settings to where the JupyterLab of this Python looks for its defaults."""
    target = Path(sys.prefix, "share", "jupyter", "lab", "settings", "overrides.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SETTINGS, target)


if __name__ == "__main__":
    main()
