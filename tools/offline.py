"""The site as one zip that needs no server.

    uv run mkdocs build --strict && uv run python -m tools.offline

Unpack it and open index.html. Browsers show no folders of files, so a link to a
folder becomes one to its index.html; and they load no data, so the index of the
search becomes a script.
"""

import argparse
import json
import re
import sys
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
SITE = ROOT / "site"
NAME = "basics_of_deep_learning"
HREF = re.compile(r'(?<= href=")([^"]*)(?=")')
INDEX = "search/search_index.json"
# For web servers alone; their links start at a root that files do not have.
LEFT_OUT = ("404.html", "sitemap.xml", "sitemap.xml.gz")


def as_file(link: str) -> str:
    """Return a link to a page as a link to its file.

    >>> as_file("../gan/#code"), as_file(".."), as_file("a.svg"), as_file("#b")
    ('../gan/index.html#code', '../index.html', 'a.svg', '#b')
    """
    parts = urlsplit(link)
    folder = parts.path.endswith("/") or parts.path.split("/")[-1] in (
        ".",
        "..",
    )
    if parts.scheme or parts.netloc or not folder:
        return link
    path = f"{parts.path.rstrip('/')}/index.html"
    return parts._replace(path=path).geturl()


def page(html: str, root: str) -> str:
    """Return a page whose links are files; root leads to the site's folder."""
    script = f'<script src="{root}javascripts/worker.js"></script>'
    html = HREF.sub(lambda match: as_file(match[0]), html)
    return html.replace("</head>", f"{script}</head>", 1)


def search_index(text: str) -> str:
    """Return the search index as a script, with files for pages."""
    index = json.loads(text)
    for entry in index["docs"]:
        entry["location"] = as_file(f"./{entry['location']}").removeprefix("./")
    return f"var __index = {json.dumps(index, ensure_ascii=False)}"


def converted(name: str, content: bytes) -> bytes:
    """Return the content of a file of the site as it is in the zip."""
    if name.endswith(".html"):
        root = "../" * name.removeprefix("ko/").count("/")
        return page(content.decode(), root).encode()
    if name.endswith(INDEX):
        return search_index(content.decode()).encode()
    return content


def pack(site: Path, file: Path) -> None:
    """Write the zip of a built site.

    Raises:
        ValueError: There is no site.
    """
    if not (site / "index.html").is_file():
        raise ValueError(f"no site in {site}: run `uv run mkdocs build` first")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(p for p in site.rglob("*") if p.is_file()):
            name = path.relative_to(site).as_posix()
            if name.removeprefix("ko/") not in LEFT_OUT:
                target = name.removesuffix("on") if INDEX in name else name
                content = converted(name, path.read_bytes())
                packed.writestr(f"{NAME}/{target}", content)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="tools.offline", description=__doc__)
    parser.add_argument(
        "file", nargs="?", type=Path, default=ROOT / f"{NAME}.zip"
    )
    options = parser.parse_args()
    try:
        pack(SITE, options.file)
    except ValueError as error:
        parser.error(str(error))
    print(f"{options.file}: {options.file.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
