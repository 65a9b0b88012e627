"""Certificates: one-page PDF files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator.account import CLIENT_NAME
from airflow_provider_damstra.emulator.api_errors import no_pdf_library
from airflow_provider_damstra.emulator.clock import ACCOUNT_ZONE

if TYPE_CHECKING:
    from datetime import datetime


def certificate(*, trainee: str, lesson: str, completed: datetime, number: int) -> bytes:
    """Return a certificate that a trainee passed a lesson; the same for the same arguments.

    :raises Refusal: if the library that writes PDF files is not installed.
    """
    try:
        from fpdf import FPDF
    except ImportError:
        raise no_pdf_library() from None
    pdf = FPDF(orientation="landscape", format="A4")
    pdf.set_creation_date(completed)
    pdf.set_title(f"Certificate {number}")
    pdf.add_page()
    pdf.set_y(50)
    lines = (
        (36, "Certificate of Completion"),
        (16, "This certifies that"),
        (28, trainee),
        (16, "has completed and passed"),
        (24, lesson),
        (14, f"{completed.astimezone(ACCOUNT_ZONE):%d %B %Y}"),
        (10, f"{CLIENT_NAME} - certificate {number} - issued by an emulator"),
    )
    for size, text in lines:
        pdf.set_font("helvetica", size=size)
        pdf.cell(0, 18, _in_latin_1(text), align="C", new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def _in_latin_1(text: str) -> str:
    """Return the text with a question mark for what the fonts of every PDF reader do not have."""
    return text.encode("latin-1", "replace").decode("latin-1")
