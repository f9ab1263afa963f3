"""The README and the project's addresses as a package index shows them, for `nox -s release`.

Links of the README lead to files beside it, which an index does not have. Where the repository
is read stands nowhere in it, as copies lie elsewhere: whoever releases says so.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_FENCE: Final = re.compile(r"(^```.*?^```\n)", re.MULTILINE | re.DOTALL)
_ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:|#|//", re.IGNORECASE)
# Who reads the README of a package has no checkout to install.
_CHECKOUT: Final = "pip install '.["


def published(readme: str, repository: str, tag: str) -> str:
    """Return the README with links that lead to one version of the files in a repository.

    `repository` is its address as a browser has it; pictures are asked for as such. Raises
    ValueError for an address that is none.

    >>> published("[how](docs/run.md)", "https://example.com/me/home", "v1.0")
    '[how](https://example.com/me/home/blob/v1.0/docs/run.md)'
    """
    repository = address(repository)

    def absolute(found: re.Match[str]) -> str:
        mark, words, target = found.groups()
        if _ELSEWHERE.match(target):
            return found[0]
        kind = "raw" if mark else "blob"
        return f"{mark}[{words}]({repository}/{kind}/{tag}/{target})"

    parts = _FENCE.split(readme)
    parts[::2] = [_LINK.sub(absolute, each) for each in parts[::2]]
    return "".join(parts).replace(_CHECKOUT, "pip install 'switchbot-automation[")


def with_urls(pyproject: str, repository: str, tag: str) -> str:
    """Return pyproject.toml with the table of addresses that an index links to.

    Raises ValueError where it has one already, or the address is none.
    """
    repository = address(repository)
    if "[project.urls]" in pyproject:
        raise ValueError("pyproject.toml has its addresses already")
    urls = {
        "Homepage": repository,
        "Documentation": f"{repository}/tree/{tag}/docs",
        "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }
    table = "".join(f'{name} = "{url}"\n' for name, url in urls.items())
    head = "[project.scripts]\n"
    return pyproject.replace(head, f"[project.urls]\n{table}\n{head}", 1)


def address(repository: str) -> str:
    """Return where a repository is read, without a slash at its end.

    Raises ValueError for anything but an address for browsers, without a password.
    """
    parts = urlsplit(repository)
    usable = parts.scheme == "https" and parts.hostname and parts.path.strip("/")
    if (
        not usable
        or parts.username
        or parts.query
        or re.search(r"[\s\"<>]", repository)
    ):
        raise ValueError(f"not the https address of a repository: {repository!r}")
    return repository.removesuffix("/").removesuffix(".git")
