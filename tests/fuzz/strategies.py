"""Hypothesis strategies for the values, rows and pages that a faulty or hostile server sends."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from airflow_provider_damstra.models import Model

_AWKWARD_TEXTS = (
    "",
    " ",
    "null",
    "Bob\ud83d",
    "\udcff",
    "\ufeffBob",
    "Ann\rMary",
    "Ann\r\nMary",
    "a\u2028b",
    "NUL\x00",
    "\x1b[2J\x1b]0;title\x07",
    "right\u202eto left",
    '"quoted", with; separators\t|',
    "=HYPERLINK(1)",
    "Bob;=1+1",
    "\uff1d1+1",
    "\uff20SUM(A1)",
    "\\N",
    "[/nonsense]",
    "<b>&amp;</b>",
    "e\u0301",
    "Stra\u00dfe",
    "\U0001f600",
)

_AWKWARD_TIMESTAMPS = (
    "",
    "0001-01-01T00:00:00.000+0800",
    "9999-12-31T23:59:59.000-0500",
    "9999-12-31T23:59:59.999999999Z",
    "2015-10-29 15:28:59",
    "2015-10-29T15:28:59+0000",
    "2016-02-30T00:00:00Z",
    "2016-06-30T23:59:60Z",
    "0000-00-00 00:00:00",
    "2015-10-29T15:28:59+2400",
    "2015-10-29",
    "-62135596801",
)

_AWKWARD_NUMBERS: tuple[Any, ...] = (
    0,
    -1,
    -0.0,
    1.0,
    1.5,
    1e-320,
    1e308,
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    2**64,
    10**30,
    "7",
    " 7 ",
    "\u00b2",
    "1e3",
    "9" * 5000,
    True,
)

texts = st.one_of(
    st.sampled_from(_AWKWARD_TEXTS),
    # Without surrogates in half of the cases, so that other faults are not hidden behind them.
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.text(st.characters(), max_size=8),
)
"""Texts, some with lone surrogates, control characters, line breaks, quotes, formulas or a BOM."""

timestamps = st.one_of(
    st.sampled_from(_AWKWARD_TIMESTAMPS),
    st.datetimes().map(lambda time: time.isoformat() + "Z"),
    st.datetimes().map(lambda time: f"{time:%Y-%m-%dT%H:%M:%S}.000+0800"),
)
"""Timestamps in the API's formats, out of range, and no timestamps at all."""

numbers = st.one_of(
    st.sampled_from(_AWKWARD_NUMBERS),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
)
"""Numbers, also those that do not fit into 64 bits, and texts in their place."""

scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
"""JSON values that are neither arrays nor objects."""

json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
"""JSON values of any shape."""

_ids = st.integers(1, 2**31 - 1)


def _fitting_values(alias: str, annotation: str) -> st.SearchStrategy[Any]:
    """Return values of a field's own type."""
    if alias.endswith(("Date", "Datetime")):
        return timestamps
    if "list" in annotation:
        return st.none() | st.lists(st.integers(1, 9) | st.builds(dict, id=st.integers(1, 9)), max_size=3)
    if "str" in annotation:
        return texts
    return st.booleans() if "bool" in annotation else numbers


@cache
def _members(model: type[Model], *, well_typed: bool) -> dict[str, st.SearchStrategy[Any]]:
    fields = {
        alias: _fitting_values(alias, str(info.annotation))
        for name, info in model.model_fields.items()
        if (alias := info.serialization_alias or name) != to_camel(model.row_key_field)
    }
    if well_typed:
        return fields
    members = {alias: st.one_of(fitting, fitting, json_values) for alias, fitting in fields.items()}
    return {**members, "shoeSize": json_values}


@st.composite
def rows(draw: st.DrawFn, model: type[Model], *, well_typed: bool = False) -> dict[str, Any]:
    """Return a JSON object with a valid row key and up to five other fields of a model.

    :param well_typed: whether each field has a value of its own type, however awkward; if not, some have a
        JSON value of any shape, and there are unknown fields.
    """
    members = _members(model, well_typed=well_typed)
    names = draw(st.lists(st.sampled_from(list(members)), max_size=5, unique=True))
    return {to_camel(model.row_key_field): draw(_ids), **{name: draw(members[name]) for name in names}}


def unique_rows(
    model: type[Model], *, max_size: int = 6, well_typed: bool = False
) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return lists of rows of a model with different row keys.

    :param well_typed: as for ``rows``.
    """
    key = to_camel(model.row_key_field)
    return st.lists(
        rows(model, well_typed=well_typed), max_size=max_size, unique_by=lambda row: int(row[key])
    )


def to_json(value: Any, *, escapes: bool = True, bom: bool = False, indent: int | None = None) -> bytes:
    """Return JSON as a server sends it.

    :param escapes: whether characters outside of ASCII are escaped; if not, surrogates still are.
    :param bom: whether a byte order mark precedes the text.
    """
    text = json.dumps(value, ensure_ascii=escapes, indent=indent)
    if not escapes:
        text = "".join(rf"\u{ord(char):04x}" if "\ud800" <= char <= "\udfff" else char for char in text)
    return b"\xef\xbb\xbf" * bom + text.encode()


encodings: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"escapes": st.booleans(), "bom": st.booleans(), "indent": st.sampled_from([None, 2])}
)
"""Arguments of ``to_json``."""


def page(rows: list[Any], total: Any = None, **encoding: Any) -> bytes:
    """Return the body of a page of a listing.

    :param total: the value of ``totalResultCount``, or None for a page without ``meta``.
    :param encoding: arguments of ``to_json``.
    """
    meta = {} if total is None else {"meta": {"totalResultCount": total}}
    return to_json({"results": rows, **meta}, **encoding)


@st.composite
def mutated(draw: st.DrawFn, original: bytes) -> bytes:
    """Return bytes with up to three parts cut out, repeated, replaced or inserted."""
    body = original
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 12)))
        part = draw(
            st.one_of(
                st.binary(max_size=6),
                st.just(body[start:end] * 2),
                st.sampled_from(
                    [b"", b'"', b"\\", b"[", b"{", b"}", b",", b"\x00", rb"\ud83d", b"\xff", b"[" * 2000]
                ),
            )
        )
        body = body[:start] + part + body[end:]
    return body
