"""The site as one zip that needs no server.

    uv run mkdocs build --strict && uv run python -m tools.offline

Unpack it and open index.html. Browsers show no folders of files, so a link to a
folder becomes one to its index.html; and they load no data, so the index of the
search becomes a script, and fonts become a part of the style sheet.
"""

import argparse
import base64
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
# Fonts stand in the style sheet, and need not be loaded ahead.
PRELOAD = re.compile(r'<link rel="preload"[^>]*\.woff"[^>]*>\n?')
FONT = re.compile(r'(?<=url\(")[^":]+\.woff(?="\))')
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
    html = PRELOAD.sub("", html)
    html = HREF.sub(lambda match: as_file(match[0]), html)
    return html.replace("</head>", f"{script}</head>", 1)


def search_index(text: str) -> str:
    """Return the search index as a script, with files for pages."""
    index = json.loads(text)
    for entry in index["docs"]:
        entry["location"] = as_file(f"./{entry['location']}").removeprefix("./")
    return f"var __index = {json.dumps(index, ensure_ascii=False)}"


def with_fonts(css: str, folder: Path) -> str:
    """Return a style sheet that holds its fonts; folder is where it stands."""

    def font(match: re.Match) -> str:
        data = base64.b64encode((folder / match[0]).read_bytes()).decode()
        return f"data:font/woff;base64,{data}"

    return FONT.sub(font, css)


def converted(name: str, site: Path) -> bytes:
    """Return the content of a file of the site as it is in the zip."""
    file = site / name
    if name.endswith(".html"):
        root = "../" * name.removeprefix("ko/").count("/")
        return page(file.read_text("utf-8"), root).encode()
    if name.endswith(INDEX):
        return search_index(file.read_text("utf-8")).encode()
    if name.endswith("assets/mathematics.css"):
        return with_fonts(file.read_text("utf-8"), file.parent).encode()
    return file.read_bytes()


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
                packed.writestr(f"{NAME}/{target}", converted(name, site))


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
