"""Where the book and its code are to be found.

That is what _config.yml says, `repository: url` and `html: baseurl`. Where they are empty, GitHub's workflows name
their repository, and a clone has a remote. An address counts only if every reader can open it: https, a public host,
and no name or password in it. Pages that GitHub's workflow publishes have GitHub's address.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sphinx.application import Sphinx

HOSTS = {"github.com", "gitlab.com", "codeberg.org"}
CODEBERG = "https://codeberg.org"


def public(url: str) -> str:
    """The address without its `.git`, if every reader can open it; else ""."""
    parts = urlsplit(url.strip())
    path = parts.path.strip("/").removesuffix(".git")
    named = re.fullmatch(r"[\w.-]+(/[\w.-]+)+", path)
    return f"https://{parts.netloc}/{path}" if parts.scheme == "https" and parts.netloc in HOSTS and named else ""


def remote(folder: Path) -> str:
    """What git calls the origin of this folder; "" if it is no clone."""
    command = ["git", "remote", "get-url", "origin"]
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def repository(folder: Path, environment: Mapping[str, str]) -> str:
    """The public address of the code; "" if there is none."""
    if name := environment.get("GITHUB_REPOSITORY"):
        return public(f"{environment.get('GITHUB_SERVER_URL', 'https://github.com')}/{name}")
    return public(remote(folder)) if (folder / ".git").exists() else ""


def pages(url: str) -> str:
    """Where GitHub shows the pages of a repository."""
    owner, name = urlsplit(url).path.strip("/").split("/")
    root = f"https://{owner.lower()}.github.io/"
    return root if f"https://{name.lower()}/" == root else f"{root}{name}/"


def find(app: Sphinx, config: Any) -> None:
    """Fill in what _config.yml leaves empty."""
    theme = config.html_theme_options
    if not theme.get("repository_url"):
        theme["repository_url"] = repository(Path(app.srcdir), os.environ)
        if theme["repository_url"] and "GITHUB_REPOSITORY" in os.environ and not config.html_baseurl:
            config.html_baseurl = pages(theme["repository_url"])
    if theme["repository_url"].startswith(CODEBERG):  # the theme does not know it; its forms are those of GitHub
        theme["repository_provider"] = "github"
        edit = f"{theme['repository_url']}/_edit/{theme.get('repository_branch') or 'main'}/{{{{ file_name }}}}"
        config.html_context |= {"edit_page_url_template": edit, "edit_page_provider_name": "git-alt"}


def name_host(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """No sign of GitHub on buttons that lead elsewhere."""
    if not app.config.html_theme_options["repository_url"].startswith(CODEBERG):
        return
    for button in context["header_buttons"]:
        for each in (button, *button.get("buttons", ())):
            each["icon"] = each["icon"].replace("fa-github", "fa-git-alt")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("config-inited", find, priority=400)  # before notebooks.py switches the buttons on
    app.connect("html-page-context", name_host, priority=600)  # the theme makes its buttons at 501
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
