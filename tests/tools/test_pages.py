from pathlib import Path
from types import SimpleNamespace

import pytest
from markdown import markdown

from tools import pages

ROOT = Path(__file__).parents[2]
TEXTS = {
    "classification/softmax_regression": "# Softmax regression\n",
    "transformers/attention": "# Attention { #top }\n",
    "unsupervised/k_means": "# K-means\n",
    "glossary": "| **multilayer perceptron** (MLP) | 다층 | … | [x](y.md) |\n"
    "| **mask** | 마스크 | … | [x](y.md) |\n",
}


def test_needs_are_the_imports_of_the_module():
    assert pages.needs("transformers/attention") == [
        "classification/softmax_regression"
    ]
    assert pages.needs("index") == []


def test_needs_are_those_of_front_matter_module_and_examples(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    for path, text in {
        "reference/b/x.py": "from reference.a.module import f\n",
        "docs/en/b/x.md": "---\ndescription: X.\nneeds: [a/one, a/two]\n---\n"
        "needs: [no/need]\n"
        ">>> from reference.a.module import f\n"
        "   >>> from reference.a.example import (\n"
        ">>> from reference.b.x import g\n",
    }.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_text(text)
    assert pages.needs("b/x") == ["a/one", "a/two", "a/module", "a/example"]


def test_every_named_need_is_a_page():
    for page in ROOT.glob("docs/en/*/*.md"):
        concept = str(page.relative_to(ROOT / "docs/en").with_suffix(""))
        for need in pages.needs(concept):
            assert (ROOT / "docs/en" / f"{need}.md").is_file(), concept


def test_private_modules_and_layers_are_no_needs():
    source = (
        "import reference.trees.decision_tree\n"
        "from math import sqrt\n"
        "from reference._typing import Array\n"
        "from reference.training.layers import BatchNorm\n"
        "from reference.training.batch_norm import moments\n"
    )
    assert pages.imported(source) == ["training/batch_norm"]


def test_used_by_is_the_other_way_round():
    using = pages.used_by("classification/softmax_regression")
    assert "transformers/attention" in using


def test_the_line_names_pages_by_their_titles_and_skips_missing_ones():
    assert pages.related("transformers/attention", TEXTS, "en") == (
        '<span class="related">Needs</span> '
        "[Softmax regression](../classification/softmax_regression.md)"
    )
    assert pages.related("classification/softmax_regression", TEXTS, "ko") == (
        '<span class="related">쓰이는 곳</span> '
        "[Attention](../transformers/attention.md)"
    )
    assert pages.related("unsupervised/k_means", TEXTS, "en") == ""


def test_a_tooltip_for_each_abbreviation_of_the_glossary():
    glossary = TEXTS["glossary"]
    assert pages.abbreviations(glossary) == "*[MLP]: multilayer perceptron"


@pytest.mark.parametrize("heading", ["## Concept { #concept }", "## Other"])
def test_a_page_gets_both(heading):
    files = SimpleNamespace(
        documentation_pages=lambda: [
            SimpleNamespace(src_uri=f"{path}.md", content_string=text)
            for path, text in TEXTS.items()
        ]
    )
    page = SimpleNamespace(
        file=SimpleNamespace(src_uri="transformers/attention.md")
    )
    config = SimpleNamespace(theme={"language": "en"})
    text = f"# Attention\n\nIntroduction.\n\n{heading}\n"
    found = pages.on_page_markdown(text, page, config, files)
    assert ("Needs" in found) is heading.endswith("}")
    assert found.index("Introduction.") < found.index(heading)
    assert found.endswith("*[MLP]: multilayer perceptron")


def test_an_error_of_a_session_is_output_to_its_end():
    session = """```pycon
>>> int("a: b")
Traceback (most recent call last):
    ...
ValueError: invalid literal: <b>
and more
>>> 1
1
```"""
    html = markdown(
        session, extensions=["pymdownx.superfences", "pymdownx.highlight"]
    )
    error = "    ...\nValueError: invalid literal: &lt;b&gt;\nand more\n"
    assert error not in html
    html = pages.on_page_content(html)
    assert f'<span class="gr">{error}</span><span class="gp">' in html
