"""A read-only view of a Markdown text, such as a model's card or a licence."""

from __future__ import annotations

from typing import Any

import qt

INDENT_PIXELS = 14
"""Of lists; Qt's own takes much of a narrow panel."""


class TextView:
    """Shows texts in a browser whose links open in the user's own.

    Parameters
    ----------
    browser : QTextBrowser
        The widget.
    """

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._text = ""
        browser.setWordWrapMode(qt.QTextOption.WordWrap)  # narrow tables are scrolled, their words stay whole
        browser.connect("anchorClicked(QUrl)", open_link)

    def show(self, text: str) -> None:
        """Show a text from its beginning; one that is shown already stays where it was scrolled to."""
        if text == self._text:
            return
        self._text = text
        self._browser.setMarkdown(text)
        self._browser.document.indentWidth = INDENT_PIXELS


def open_link(url: Any) -> None:
    """Open a link of the web; others, as to files beside a card, lead nowhere."""
    if url.scheme() in ("http", "https"):
        qt.QDesktopServices.openUrl(url)
