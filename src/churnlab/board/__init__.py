"""The board: a run as one page that answers clicks, for those who act on it."""

from churnlab.board.document import Document, read_document
from churnlab.board.page import render

__all__ = ["Document", "read_document", "render"]
