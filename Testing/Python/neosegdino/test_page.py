from __future__ import annotations

import base64
import io
import re
import unicodedata
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import phantom
import pytest
from neosegdino import page, page_letters
from neosegdino.errors import OutputError
from neosegdino.geometry import Grid
from neosegdino.volume import Volume
from PIL import Image
from pypdf import PdfReader
from report_samples import make_report
from reportlab.pdfbase.ttfonts import TTFError, TTFont

GRID = phantom.view(phantom.ORIENTATIONS[5])

TOLD = (
    "sub-01 <T2w> & more",
    "Research use only.",
    "1.10 ml",
    "1.21 ml",
    "88 %",
    "+9.5 %",
    "Published at 30 weeks [1]",
    "0.81 ml",
    "Published at 32 weeks [2]",
    "Fetal T2 atlas",
    "not a reference range",
    "border-image",
    "Cut <off>.",
    "31 weeks",
    "10 x 20 x 30 voxels of 0.80 x 0.90 x 1.00 mm, RAS",
    "2026-01-02 03:04",
    "sample 2.0",
    32 * "ab",
    "CPU, 2 threads",
    "1.2.3",
    "torch 2.9.0",
)


@pytest.fixture
def write(head_volume: Callable[[Grid], Volume], tmp_path: Path) -> Callable[..., Path]:
    def make(name: str, **changes: Any) -> Path:
        labels = phantom.side_scores(phantom.everywhere(GRID)).argmax(axis=0).astype(np.uint8)
        page.write(tmp_path / name, make_report(**changes), head_volume(GRID), labels, phantom.CLASSES)
        return tmp_path / name

    return make


class Reader(HTMLParser):
    """Text and pictures of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.pictures: list[str] = []
        self.links: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img":
            self.pictures.append(values["src"] or "")
        self.links += [
            value for name, value in attrs if name in ("href", "src") and value and not value.startswith("data:")
        ]


def _has_font(file: str) -> bool:
    try:
        TTFont("probe", file)
    except TTFError:
        return False
    return True


def read_html(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def read_pdf(path: Path) -> str:
    (only,) = PdfReader(path).pages
    return only.extract_text()


def test_html_tells_everything_in_one_file(write: Callable[..., Path]) -> None:
    found = read_html(write("page.html"))
    for part in TOLD:
        assert part in found.text, part
    assert found.links == []
    (picture,) = found.pictures
    image = Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2])))
    assert image.format == "PNG"
    assert image.width > 3 * 500


def test_pdf_is_one_page_and_tells_the_same(write: Callable[..., Path]) -> None:
    path = write("page.pdf")
    text = re.sub(r"\s+", " ", read_pdf(path))
    for part in TOLD:
        assert part in text, part
    (picture,) = PdfReader(path).pages[0].images
    assert picture.image.width > 3 * 500


@pytest.mark.parametrize("name", ["page.html", "page.pdf"])
def test_nothing_found_nothing_published(write: Callable[..., Path], name: str) -> None:
    path = write(name, flags=[], age=None)
    text = read_html(path).text if name.endswith("html") else re.sub(r"\s+", " ", read_pdf(path))
    assert page.NO_FLAGS in text
    assert "Published" not in text
    assert "reference range" not in text
    assert "not given" in text


def test_a_report_of_before_has_no_date(write: Callable[..., Path]) -> None:
    assert "Segmented not known" in " ".join(read_html(write("page.html", date=None)).text.split())


def named(source: str) -> dict[str, Any]:
    """Changes of a report that give the image a name."""
    return {"input": make_report()["input"] | {"source": source}}


@pytest.mark.parametrize(
    "name",
    [
        "\u65b0\u751f\u5150",
        "\u039d\u03b9\u03ba\u03bf\u03c2",
        "\u0418\u0432\u0430\u043d",
        "\u05d3\u05d5\u05d3",
        "\u0141ukasz \u00fc",
    ],
)
def test_html_holds_names_of_every_script(write: Callable[..., Path], name: str) -> None:
    assert name in read_html(write("page.html", **named(name))).text


@pytest.mark.skipif(not _has_font("DejaVuSans.ttf"), reason="the font DejaVu Sans is not installed")
@pytest.mark.parametrize(
    "name", ["\u039d\u03b9\u03ba\u03bf\u03c2 \u039a.", "\u0418\u0432\u0430\u043d \u0419", "Jos\u0065\u0301 & Co"]
)
def test_pdf_takes_a_font_of_this_computer_for_what_its_own_lacks(write: Callable[..., Path], name: str) -> None:
    path = write("page.pdf", **named(name))
    text = re.sub(r"\s+", " ", read_pdf(path))
    assert unicodedata.normalize("NFC", name) in text
    assert "Unicode" not in text
    assert unicodedata.normalize("NFC", name) in unicodedata.normalize("NFC", str(PdfReader(path).metadata.title))


@pytest.mark.parametrize("name", ["\u738b", "\u0418", "\U0001f476", "\x07", "\udcff"])
def test_pdf_writes_letters_that_no_font_has_as_numbers_and_says_so(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(page_letters, "_ELSEWHERE", ("no such font.ttf",))
    text = re.sub(r"\s+", " ", read_pdf(write("page.pdf", **named(f"sub <{name}> 1"))))
    assert f"sub <[U+{ord(name):04X}]> 1" in text
    assert "written as their Unicode numbers. The page as HTML shows the letters." in text


@pytest.mark.skipif(not _has_font("DejaVuSans.ttf"), reason="the font DejaVu Sans is not installed")
def test_pdf_says_that_letters_from_right_to_left_stand_one_by_one(write: Callable[..., Path]) -> None:
    text = re.sub(r"\s+", " ", read_pdf(write("page.pdf", **named("\u05d3\u05d5\u05d3"))))
    assert set("\u05d3\u05d5") <= set(text)
    assert "run from right to left stand one by one" in text


def test_a_file_name_that_is_no_text_does_not_break_html(write: Callable[..., Path]) -> None:
    assert "sub \\udcff" in read_html(write("page.html", **named("sub \udcff"))).text


def test_many_long_flags_go_on_a_second_page(write: Callable[..., Path]) -> None:
    path = write("page.pdf", flags=[{"code": "input", "message": f"{n}: {60 * 'long '}"} for n in range(30)])
    assert len(PdfReader(path).pages) > 1


def test_another_ending_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"must end in \.html or \.pdf"):
        write("page.doc")
    assert list(tmp_path.iterdir()) == []


def test_written_whole_or_not_at_all(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neosegdino import page_pdf

    write("page.pdf").write_bytes(b"mine")

    def fail(_page: page.Page, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(page_pdf, "write", fail)
    with pytest.raises(OutputError, match="No space left"):
        write("page.pdf")
    assert (tmp_path / "page.pdf").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["page.pdf"]
