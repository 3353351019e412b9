"""A page as HTML in one file, its picture inside."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path

from PIL import Image

from neosegdino.page import NO_FLAGS, TITLE, Lines, Page

_STYLE = """
@page { size: A4; margin: 14mm }
body { font: 14px/1.4 system-ui, sans-serif; color: #1b1c1f; background: #fff }
body { max-width: 60em; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em; margin: 0 } h2 { font-size: 1.05em; margin: 1.3em 0 .3em }
p { margin: .3em 0 } .subject { color: #55585f; overflow-wrap: anywhere }
.use { border-left: 4px solid #b3261e; padding-left: .7em; font-weight: 600 }
img { width: 100%; height: auto; margin-top: 1em; border-radius: 4px }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .25em .6em .25em 0 }
tr { border-bottom: 1px solid #dddfe3 } .figures td { font-variant-numeric: tabular-nums }
.figures tr > :not(:first-child) { text-align: right; width: 9em }
.pairs th { font-weight: 400; color: #55585f; white-space: nowrap; width: 13em } .pairs td { overflow-wrap: anywhere }
.flags th { color: #8a4b00; font-weight: 600 } small { color: #55585f }
"""


def write(page: Page, path: Path) -> None:
    """Write a page."""
    path.write_text(
        _document(page), encoding="utf-8", errors="backslashreplace"
    )  # bytes of a file name that are no text


def _document(page: Page) -> str:
    flags = _pairs(page.flags, "pairs flags") if page.flags else f"<p>{escape(NO_FLAGS)}</p>"
    sources = "".join(f"<p><small>{escape(source)}</small></p>" for source in page.sources)
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{escape(page.subject)}: {TITLE}</title><style>{_STYLE}</style></head>
<body>
<h1>{TITLE}</h1>
<p class="subject">{escape(page.subject)}</p>
<p class="use">{escape(page.research_use)}</p>
<img alt="Three planes through the hippocampi with their outlines" src="{_data(page.picture)}">
<h2>Figures</h2>
{_figures(page.figures)}{sources}
<h2>To look at</h2>
{flags}
<h2>How it was made</h2>
{_pairs(page.facts, "pairs")}
</body>
</html>
"""


def _figures(lines: Lines) -> str:
    head, *rest = lines
    names = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in rest)
    return f'<table class="figures"><tr>{names}</tr>{rows}</table>'


def _pairs(lines: Lines, kind: str) -> str:
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in lines)
    return f'<table class="{kind}">{rows}</table>'


def _data(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
