"""Text of an input file: its encoding, and the line of what cannot be decoded."""

from __future__ import annotations

import codecs
import io
import re
from typing import TextIO

DEFAULT_ENCODING = "utf-8"

# UTF-32 first: its byte order mark begins with that of UTF-16.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_BINARY_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook, whose name must end in .xlsx, or another ZIP archive",
    b"\xd0\xcf\x11\xe0": "an Excel workbook in the .xls format or with a password: save it as .xlsx",
    b"\x1f\x8b": "compressed with gzip: its name must end in .gz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: its name must end in .zst",
    b"PAR1": "a Parquet file: its name must end in .parquet",
}
_LINE_END = re.compile(r"\r\n|\r|\n")


def open_text(content: bytes, *, encoding: str | None = None, newline: str = "") -> TextIO:
    """Return the content of a file as text.

    :param encoding: name of the encoding; a byte order mark takes precedence, and without either it is UTF-8.
    :param newline: which line ends separate lines, as for ``io.TextIOWrapper``; by default all.
    :raises ValueError: naming the line that is not text in this encoding.
    """
    kind = next((kind for sign, kind in _BINARY_SIGNATURES.items() if content.startswith(sign)), None)
    if kind:
        raise ValueError(f"it is {kind}")
    detected = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    chosen = detected or encoding or DEFAULT_ENCODING
    try:
        text = content.decode(chosen)
    except LookupError:
        raise ValueError(f"{chosen!r} is not a text encoding of Python") from None
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(chosen, "ignore")
        raise ValueError(f"line {_last_line(before)}: {_advice(chosen)}") from None
    except UnicodeError:
        raise ValueError(_advice(chosen)) from None
    if "\0" in text:
        line = _last_line(text.partition("\0")[0])
        raise ValueError(
            f"line {line}: it contains a NUL character: it is not text, or UTF-16 without a byte order mark, "
            "which needs encoding='utf-16-le'"
        )
    return io.TextIOWrapper(io.BytesIO(content), chosen, newline=newline)


def _last_line(text: str) -> int:
    """Return the number of the last line of a text, from 1."""
    return len(_LINE_END.findall(text)) + 1


def _advice(encoding: str) -> str:
    if encoding == DEFAULT_ENCODING:
        return (
            "it is not UTF-8 (utf-8): save it as CSV UTF-8, or name its encoding, such as encoding='cp1252'"
        )
    return f"it is not {encoding}: name its encoding with encoding"
