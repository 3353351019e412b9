"""Dialogs answered by the test instead of by a person: none ever blocks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from rig.problems import problems


class UnexpectedDialogError(RuntimeError):
    """A dialog was opened for which the test had set no answer."""


@dataclass(frozen=True)
class Shown:
    """One dialog that was opened.

    Attributes
    ----------
    kind : str
        Class name of the dialog, e.g. ``ctkMessageBox``.
    title, text, detail : str
        What the user would have read.
    answer : object
        What the test answered.
    """

    kind: str
    title: str
    text: str
    detail: str
    answer: object


class Dialogs:
    """Answers to come, and the dialogs shown so far."""

    def __init__(self) -> None:
        self._answers: deque[object] = deque()
        self.shown: list[Shown] = []
        self.opened_urls: list[str] = []

    def answer(self, *answers: object) -> None:
        """Set the answers of the next dialogs, in order.

        Parameters
        ----------
        *answers : object
            For a message box a standard button or its name (``"Yes"``); for a file dialog the path; for other dialogs
            the result code (1 accepted, 0 rejected).
        """
        self._answers.extend(answers)

    def show(self, kind: str, title: str, text: str, detail: str = "") -> object:
        """Take the next answer for a dialog.

        Raises
        ------
        UnexpectedDialogError
            When no answer is left; recorded as a problem too, because Qt swallows exceptions raised in slots.
        """
        if not self._answers:
            message = f"unexpected dialog {kind} {title.strip()!r}: {text}"
            problems.record(message)
            raise UnexpectedDialogError(message)
        answer = self._answers.popleft()
        self.shown.append(Shown(kind, title.strip(), text, detail, answer))
        return answer

    @property
    def unused(self) -> int:
        """Number of answers that no dialog has asked for."""
        return len(self._answers)

    def reset(self) -> None:
        """Forget answers and history."""
        self._answers.clear()
        self.shown.clear()
        self.opened_urls.clear()


dialogs = Dialogs()
