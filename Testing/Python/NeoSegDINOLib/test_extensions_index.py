"""What Slicer's Extensions Index checks of an extension, as far as that needs no network.

Its rules: github.com/Slicer/ExtensionsIndex, scripts/check_description_files.py and the template of its pull requests;
the schema's facts are those of slicer-extension-catalog-entry-schema-v1.0.1.json.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[3]
ENTRY = REPOSITORY / "NeoSegDINO.json"
SCHEMA = (
    "https://raw.githubusercontent.com/Slicer/Slicer/main/Schemas/slicer-extension-catalog-entry-schema-v1.0.1.json#"
)
REQUIRED = {"$schema", "category", "scm_url"}
TYPES = {
    **dict.fromkeys(("$schema", "category", "scm_url", "scm_revision", "scm_type", "build_subdirectory"), str),
    **{"build_dependencies": list, "enabled": bool, "tier": int},
}
CATEGORIES = {"Segmentation", "Neuroimaging", "Quantification"}
"""Of the index's accepted ones, those that could describe this extension."""
LARGEST_CHECKOUT = 100 * 1024 * 1024
RAW = "https://raw.githubusercontent.com/neosegdino/NeoSegDINO/main/"
SOURCE = "https://github.com/neosegdino/NeoSegDINO"


@pytest.fixture(scope="module")
def entry():
    return json.loads(ENTRY.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def cmake():
    return (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")


def metadata(cmake, name):
    found = re.search(rf'set\(EXTENSION_{name} "([^"]+)"\)', cmake)
    assert found, name
    return found[1]


def problems_of(entry):
    """What the index's schema would refuse."""
    missing = [f"{name} is missing" for name in REQUIRED - set(entry)]
    unknown = [f"{name} is unknown" for name in set(entry) - set(TYPES)]
    wrong = [
        f"{name} is no {TYPES[name].__name__}"
        for name in set(entry) & set(TYPES)
        if type(entry[name]) is not TYPES[name]
    ]
    tier = [] if 1 <= entry.get("tier", 1) <= 5 else ["tier is out of range"]
    return missing + unknown + wrong + tier


def test_entry_fits_the_schema(entry):
    assert problems_of(entry) == []
    assert entry["$schema"] == SCHEMA
    assert entry["category"] in CATEGORIES
    assert b"\r" not in ENTRY.read_bytes()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"category": None}, "category is no str"),
        ({"homepage": "x"}, "homepage is unknown"),
        ({"tier": 7}, "tier is out of range"),
        ({"build_dependencies": "PyTorch"}, "build_dependencies is no list"),
    ],
)
def test_an_entry_that_does_not_fit_is_refused(entry, change, problem):
    assert problems_of(entry | change) == [problem]


def test_entry_and_cmake_say_the_same(entry, cmake):
    name = re.search(r"project\s*\(\s*([^\s)]+)", cmake)
    assert name and name[1] == ENTRY.stem
    assert entry["build_dependencies"] == metadata(cmake, "DEPENDS").split(" ")
    assert entry["build_subdirectory"] == "."
    assert entry["scm_url"].removesuffix(".git") == metadata(cmake, "HOMEPAGE") == SOURCE
    assert metadata(cmake, "ICONURL").startswith(f"{RAW.removesuffix('main/')}{entry['scm_revision']}/")


def test_icon_and_screenshots_are_pictures_of_this_repository(cmake):
    icon, *screenshots = [metadata(cmake, "ICONURL"), *metadata(cmake, "SCREENSHOTURLS").split(" ")]
    assert screenshots
    for url in (icon, *screenshots):
        assert url.startswith(RAW), url
        with Image.open(REPOSITORY / url.removeprefix(RAW)) as picture:
            picture.verify()
            assert picture.format == "PNG"
    with Image.open(REPOSITORY / icon.removeprefix(RAW)) as picture:
        assert picture.size == (128, 128)


def test_description_is_short_and_says_what_it_is_for(cmake):
    sentences = re.split(r"(?<=\.)\s", metadata(cmake, "DESCRIPTION"))
    assert len(sentences) <= 3
    assert "research use" in sentences[-1]


def test_licence_in_the_root_is_named_in_the_readme():
    assert "Apache License" in (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert "[Apache-2.0](LICENSE)" in readme
    assert "arxiv.org/abs/" in readme
    assert re.search(r"!\[.+\]\(Resources/.+\.png\)", readme)


def test_checkout_is_small_enough():
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("no git here")
    files = [REPOSITORY / name for name in done.stdout.decode().split("\0") if name]
    assert sum(path.stat().st_size for path in files if path.is_file()) < LARGEST_CHECKOUT


LINKED = [
    *sorted((REPOSITORY / "Resources" / "Tutorials").glob("*.md")),
    REPOSITORY / "README.md",
    REPOSITORY / "Testing" / "CHECKLIST.md",
]


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_links_of_a_page_lead_to_files(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_help_leads_to_pages_that_are_there(module):
    links = re.findall(r'href="([^"]+)"', module.helpText)
    pages = [link.removeprefix(f"{SOURCE}/blob/main/") for link in links if "/blob/main/" in link]
    assert len(pages) >= 2
    assert [page for page in pages if not (REPOSITORY / page).is_file()] == []
    assert SOURCE in links
    assert "not a medical device" in module.helpText


def test_acknowledgement_names_method_data_and_licence(module):
    for part in ("arxiv.org/abs/2602.23962", "SynthSeg", "Apache-2.0", "without any patient image"):
        assert part in module.acknowledgementText
