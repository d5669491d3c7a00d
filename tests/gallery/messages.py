"""Messages with and without a remedy, running work, and an empty page."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from kws_gui.widgets.empty_state import EmptyState
from kws_gui.widgets.message_bar import MessageBar
from kws_gui.widgets.progress_row import ProgressRow

MESSAGES = (
    ("error", "lamp.wav is not an audio file; take it out of the folder or save it as WAV or FLAC.", "", "AudioError"),
    ("warning", "Validation loss has risen since epoch 14: overfitting.", "Try dropout 0.3", ""),
    ("info", "The microphone Headset left was plugged in.", "Use it", ""),
    ("success", "Imported 1,204 clips of 9 words.", "", ""),
)


def make() -> QWidget:
    page = QWidget()
    column = QVBoxLayout(page)
    column.setContentsMargins(24, 24, 24, 24)
    column.setSpacing(16)
    for kind, text, remedy, details in MESSAGES:
        bar = MessageBar(page)
        bar.showMessage(kind, text, remedy=remedy, details=details)
        column.addWidget(bar)
    work = ProgressRow(page)
    work.start("Importing clips from speech_commands")
    work.setProgress(420, 1204, remaining_s=95)
    column.addWidget(work)
    column.addWidget(EmptyState("mdi6.microphone-outline", "Say your first word: eight takes are enough.", "Record"), 1)
    page.resize(640, 560)
    return page


if __name__ == "__main__":
    from show import show

    raise SystemExit(show(make))
