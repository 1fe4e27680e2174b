"""A MkDocs hook: the site in Korean, and what keeps it the same site.

After the English site (mkdocs.yml, docs/en) the hook builds the Korean one
(mkdocs.ko.yml, docs/ko) into its folder ko/, with `mkdocs build` and with
`mkdocs serve`. What is missing in docs/ko is taken from docs/en, under a
notice, so both sites have the same pages, files and links.

`differences` compares a page with its translation.
"""

import inspect
import logging
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File

from tools.figures import FENCE

log = logging.getLogger("mkdocs.hooks.languages")

ENGLISH = "en"
TITLE = re.compile(r"^# .+$", re.MULTILINE)
TRANSLATIONS = ["ko"]
NOTICE = (
    '<div class="admonition info">'
    '<p class="admonition-title">'
    "이 문서는 아직 한국어로 번역되지 않아 영어로 보여 드립니다."
    "</p></div>\n"
)

startup = {"command": "build", "dirty": False}
rendered = {}  # the English pages, with their HTML
plugin_caches = {language: {} for language in TRANSLATIONS}


def on_startup(command, dirty):
    """Remember how MkDocs was started: each language is built that way."""
    startup.update(command=command, dirty=dirty)


def on_post_build(config):
    """Build the translations once English stands."""
    if language_of(config) == ENGLISH:
        for language in TRANSLATIONS:
            translation = load_translation(language, config)
            translation.plugins.on_startup(**startup)
            build(translation, dirty=startup["dirty"])


def language_of(config) -> str:
    """Return the language of a configuration, the name of its folder."""
    return Path(config.docs_dir).name


def load_translation(language: str, config) -> MkDocsConfig:
    """Return the configuration of a language with the options of English.

    MkDocs keeps plugins from one build to the next by their name. A language
    has its own, or they would mix up the search indices.
    """
    file = Path(config.config_file_path).with_name(f"mkdocs.{language}.yml")
    plugins = MkDocsConfig.plugins
    english_cache = plugins.plugin_cache
    plugins.plugin_cache = plugin_caches[language]
    try:
        return load_config(
            str(file),
            site_dir=str(Path(config.site_dir) / language),
            site_url=config.site_url and f"{root_url(config)}{language}/",
            strict=config.strict,
            use_directory_urls=config.use_directory_urls,
        )
    finally:
        plugins.plugin_cache = english_cache


def root_url(config) -> str:
    """Return the address of the English site, with a slash at its end."""
    url = config.site_url.rstrip("/") + "/"
    return url.removesuffix(f"/{language_of(config)}/").rstrip("/") + "/"


def on_config(config):
    """Give the theme its language menu and its labels in this language.

    The theme is told that there is a menu but not which languages: it would put
    relative links into the head, where search engines want absolute ones.
    """
    up = "" if language_of(config) == ENGLISH else "../"
    config.extra["languages"] = [
        {**entry, "link": up + entry["link"]}
        for entry in config.extra["alternate"]
    ]
    config.extra["alternate"] = True
    if language_of(config) != ENGLISH:
        for scheme in config.theme.get("palette", []):
            toggle = scheme["toggle"]
            toggle["name"] = translate(toggle["name"], config)


def translate(text: str, config) -> str:
    """Return a text of mkdocs.yml in the language of the site."""
    translations = config.extra["translations"]
    if text not in translations:
        file = Path(config.config_file_path).name
        log.warning(f"{file}: extra.translations has no '{text}'")
    return translations.get(text, text)


def on_files(files, config):
    """Take from English what the translation does not have."""
    folder = english_folder(config)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in files.src_uris:
            files.append(
                File(
                    name,
                    str(folder),
                    config.site_dir,
                    config.use_directory_urls,
                )
            )


def english_folder(config) -> Path:
    """Return the folder with the English pages."""
    return Path(config.docs_dir).with_name(ENGLISH)


def on_nav(nav, config, **_):
    """Translate the sections; a page is called what its heading says."""
    if language_of(config) != ENGLISH:
        for section in sections(nav.items):
            section.title = translate(section.title, config)
        for page in nav.pages:
            vars(page).pop("title", None)


def sections(items) -> Iterator:
    """Yield the sections of a navigation at all depths."""
    for item in items:
        if item.is_section:
            yield item
            yield from sections(item.children)


def on_page_markdown(markdown, page, config, **_):
    """Spare the rendering of a page that is to be shown as in English."""
    title = TITLE.search(markdown)
    return title[0] if title and is_rendered(page, config) else markdown


def on_page_content(html, page, config, **_):
    """Keep what English pages look like, and show them where one is missing."""
    if language_of(config) == ENGLISH:
        rendered[page.file.src_uri] = html, page
    elif is_rendered(page, config):
        html, english = rendered[page.file.src_uri]
        page.present_anchor_ids = english.present_anchor_ids
        page.toc = english.toc
    return html


def is_rendered(page, config) -> bool:
    """Return whether a page without translation has been built in English."""
    untranslated = not is_translated(page, language_of(config), config)
    return untranslated and page.file.src_uri in rendered


def on_page_context(context, page, config, **_):
    """Mark an English page on the Korean site as what it is.

    The search plugin has read the page by now, so the notice is not found.
    """
    if not is_translated(page, language_of(config), config):
        page.content = f'{NOTICE}<div lang="{ENGLISH}">\n{page.content}\n</div>'
        if config.site_url:
            page.canonical_url = root_url(config) + page.url
    return context


def is_translated(page, language: str, config) -> bool:
    """Return whether a page has been written in a language."""
    folder = english_folder(config).with_name(language)
    return folder.joinpath(page.file.src_uri).is_file()


def on_post_page(output, page, config):
    """Tell search engines in which languages the page exists, and where.

    The space in rel="alternate " hides the links from the theme's script, which
    would look for a sitemap below each of them on every page.
    """
    if not config.site_url:
        return output
    addresses = {"x-default": "", ENGLISH: ""} | {
        language: f"{language}/"
        for language in TRANSLATIONS
        if is_translated(page, language, config)
    }
    links = "".join(
        f'<link rel="alternate " hreflang="{language}" '
        f'href="{root_url(config)}{folder}{page.url}">\n'
        for language, folder in addresses.items()
    )
    return output.replace("</head>", f"{links}</head>", 1)


HEADING = re.compile(r"^(#+) .*?(?:\{[^}\n]*#([\w-]+)[^}\n]*\})?$", re.M)
DISPLAY = re.compile(r"\$\$(.+?)\$\$", re.S)
INLINE = re.compile(r"(?<![\\$])\$(?!\s)([^$]+?)(?<!\s)\$(?!\d)")
IDENTIFIER = re.compile(r"^ *(::: .+)$", re.M)


def differences(english: str, korean: str) -> list[str]:
    """Return in what a translation is another page than the English one.

    Both have the same headings, displayed equations, listings, figures,
    examples and API entries in the same order, and the same formulas in their
    text in any order.
    """
    found = []
    here, there = contents(english), contents(korean)
    for kind, wanted in here.items():
        matcher = SequenceMatcher(None, wanted, there[kind], autojunk=False)
        for change, a, b, c, d in matcher.get_opcodes():
            if change != "equal":
                found.append(difference(kind, wanted[a:b], there[kind][c:d]))
    return found


def difference(kind: str, wanted: list[str], got: list[str]) -> str:
    """Return a sentence that says what stands in the place of what."""
    if not got:
        return f"The translation lacks {kind}: {quoted(wanted)}."
    if not wanted:
        return f"The translation adds {kind}: {quoted(got)}."
    return (
        f"The translation changes {kind}: "
        f"{quoted(wanted)} has become {quoted(got)}."
    )


def quoted(items: list[str]) -> str:
    """Return items in a row, each in quotation marks."""
    return ", ".join(f"'{item}'" for item in items)


def contents(page: str) -> dict[str, list[str]]:
    """Return what a page shares with its translation, by kind."""
    fences = [(m["info"].split(), m["body"]) for m in FENCE.finditer(page)]
    text = FENCE.sub(caption, page)
    formulas = INLINE.findall(re.sub(r"`[^`\n]*`", "", DISPLAY.sub("", text)))
    return {
        "headings": [
            f"{level} {{ #{name} }}" if name else f"{level} without an id"
            for level, name in HEADING.findall(text)
        ],
        "equations": [one_line(latex) for latex in DISPLAY.findall(text)],
        "formulas": sorted({one_line(latex) for latex in formulas}),
        "listings": [one_line(b) for i, b in fences if i == ["reference"]],
        "figures": [
            b.strip().split("\n")[0] for i, b in fences if i == ["figure"]
        ],
        "examples": [
            " ".join(info) + "\n" + inspect.cleandoc("\n" + body)
            for info, body in fences
            if any("pycon" in word for word in info)
        ],
        "API entries": IDENTIFIER.findall(text),
    }


def caption(fence: re.Match) -> str:
    """Return what a fence holds that is text: a figure's caption."""
    is_figure = fence["info"].strip() == "figure"
    return fence["body"].partition("\n")[2] if is_figure else ""


def one_line(text: str) -> str:
    """Return a text with single spaces for all white space."""
    return " ".join(text.split())
