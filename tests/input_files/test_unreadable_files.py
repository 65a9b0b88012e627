"""Files that cannot be read: one error with file name and line, without a cell of the file."""

from __future__ import annotations

import json
import traceback
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from tests.input_files.readers import as_excel, as_parquet, ids_in, pack, users_in

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER = "employee_number,first_name,last_name,phone_number\n"
PHONE = "0412 345 678"
ROW = f"E1,Ada,Byron,{PHONE}\n"
LIAM = '{"employee_number":"E2","first_name":"Liam","last_name":"Murphy"}'
HTML = "<!DOCTYPE html>\n<html><body>Sign in</body></html>\n"
LONG = "x" * 140_000
NAMES, CELLS = HEADER.strip().split(","), ROW.strip().split(",")
EXCEL = as_excel([NAMES, CELLS])
ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet '
GZIP, ZSTD = (pack(HEADER + ROW, compression) for compression in ("gzip", "zstd"))

UNREADABLE_USERS = [
    ("people.csv", HTML, "line 1: no header"),
    ("people.csv", "Error 503: try later", "line 1: no header"),
    ("people.csv", "", "it has no rows"),
    ("people.csv", HEADER, "it has no rows"),
    ("people.csv", HEADER.replace("first", "frist"), "line 1: 'frist_name': no such column (did you mean"),
    ("people.csv", "employee_number,first_name\n", "line 1: there is no column of last_name"),
    ("people.csv", "first_name,last_name\n", "line 1: there is no column of employee_number"),
    ("people.csv", ROW, "line 1: no header"),
    ("people.csv", f"{HEADER.rstrip()},{PHONE}\n{ROW}", "line 1: column 5: no such column"),
    ("people.csv", f",{HEADER}{PHONE},{ROW}", "line 2: a column without a name: no such column"),
    ("people.csv", f"{HEADER}{ROW.strip()},{PHONE}\n", "line 2: has 1 more cells than the header"),
    ("people.csv", f'{HEADER}{ROW}E2,"Ada,B,{PHONE}\nE3,A,B,\n', "line 3: has a quote that is not closed"),
    ("people.csv", f'{HEADER}E1,"Ada"x,Byron,{PHONE}\n', "line 2: is not valid CSV"),
    ("people.csv", f'"employee_number"x,first_name\n{ROW}', "line 1: is not valid CSV"),
    ("people.csv", f"{HEADER}E1,{LONG},Byron,{PHONE}\n", "line 2: is not valid CSV (field larger"),
    ("people.csv", f"{HEADER}{ROW}E2,Ada\0,Byron,\n", "line 3: it contains a NUL character"),
    ("people.csv", f"{HEADER}{ROW}".encode("utf-16-le"), "line 1: it contains a NUL character"),
    ("people.csv", f"{HEADER}{ROW}E2,Zoë,Byron,\n".encode("cp1252"), "line 3: it is not UTF-8"),
    ("people.csv", f"\ufeff{HEADER}{ROW}".encode("utf-16")[:-1], "it is not utf-16"),
    ("people.csv", f"employee_number;first_name,last_name\n{PHONE}", "line 1: the delimiter may be"),
    ("people.csv", EXCEL, "it is an Excel workbook, whose name must end in .xlsx"),
    ("people.xls", b"\xd0\xcf\x11\xe0rest", "it is an Excel workbook in the .xls format or with a password"),
    ("people.csv", pack(ROW, "gzip"), "its name must end in .gz"),
    ("people.csv.gz", HEADER + ROW, "it is no readable gzip file: it is damaged, or not compressed"),
    ("people.csv.gz", GZIP[:-12], "it is no readable gzip file: it is inc"),
    ("people.csv.gz", GZIP[:-8] + b"\0" * 8, "it is no readable gzip file"),
    ("people.csv.zst", HEADER + ROW, "it is no readable zstd file: it is damaged, or not compressed"),
    ("people.csv.zst", ZSTD[:-6], "it is no readable zstd file: it is inc"),
    ("people.parquet", HEADER + ROW, "it is no readable Parquet file"),
    ("people.parquet", as_parquet(id=[1])[:-20], "it is no readable Parquet file"),
    ("people.parquet", as_parquet(employee_no=["E1"]), "the schema: no header"),
    ("people.xlsx", HEADER + ROW, "it is no readable Excel workbook in the .xlsx format without a password"),
    ("people.xlsx", EXCEL[:-30], "it is no readable Excel workbook"),
    ("people.xlsx", as_excel([NAMES, CELLS], replace={"</row>": ""}), "it is no readable Excel workbook"),
    ("people.xlsx", as_excel([NAMES], replace={"<worksheet ": ENTITIES}), "it is no readable Excel workbook"),
    ("people.xlsx", as_excel([]), "it has no rows"),
    ("people.xlsx", as_excel([NAMES]), "it has no rows"),
    ("people.xlsx", as_excel([[], CELLS]), "row 2: no header"),
    ("people.xlsx", as_excel([[*NAMES, "phone_number"]]), "row 1: has more than one column 'phone_number'"),
    ("people.xlsx", as_excel([NAMES, [], [*CELLS, None, PHONE]]), "row 3: has 2 more cells than the header"),
    ("people.xlsx", as_excel([NAMES, CELLS, ["E2", "=A1", "B"]]), "row 3: 'first_name' has a formula"),
    ("people.xlsx", as_excel([NAMES, ["E2", "#REF!", "B"]]), "row 2: 'first_name' has an error of Excel"),
    ("people.xlsx", as_excel([NAMES, ["E2", "A", date(2026, 1, 2)]]), "row 2: last_name: "),
    ("people.jsonl", HTML, "line 1: is not JSON"),
    ("people.jsonl", f"{LIAM}\n" + "[" * 200_000, "line 2: is not JSON"),
    ("people.jsonl", LIAM + "\n" + '{"employee_number":' + "9" * 5000 + "}", "line 2: is not JSON"),
    ("people.jsonl", f"{LIAM}\n{LIAM[:-1]},\"first_name\":\"{PHONE}\"}}", "line 2: is not JSON (an object"),
    ("people.jsonl", f'{LIAM}\n{{"phoneNumber":NaN}}', "line 2: is not JSON (NaN is no JSON number)"),
    ("people.json", f"[{LIAM}]", "line 1: is a list, not names and values"),
    ("people.jsonl", f'{LIAM[:-1]},"{PHONE}":1}}', "line 1: column 4: no such column"),
    ("people.jsonl", f'{LIAM[:-1]},"phone_number":"\\ud83d"}}', "line 1: phone_number: "),
    ("people.jsonl", "\n \n", "it has no rows"),
]  # fmt: skip

UNREADABLE_IDS = [
    ("ids.csv", 'id,name\n1011,"Ann\n1012,Bob\n', "line 2: has a quote that is not closed"),
    ("ids.csv", f"id,name\n1011,Ann,{PHONE}\n", "line 2: has 1 more cells than the header"),
    ("ids.csv", f"id,name\n{PHONE},Ann\n1012,Bob\n", "no id in line 2"),
    ("ids.csv", "id,name\n,Ann\n", "no id in line 2"),
    ("ids.csv", "id\n" + "9" * 5000, "no id in line 2"),
    ("ids.csv", "id\n0\n", "no id in line 2"),
    ("ids.csv", f"{PHONE},Ann\n", "line 1: there is no column id or user_id or userId; a header"),
    ("ids.csv", "User Id,name\n1,a\n", "The file has 'User Id', 'name'"),
    ("ids.csv", "", "it holds no ids"),
    ("ids.csv", HTML, "line 1: there is no column id"),
    ("ids.csv.gz", "id\n1\n", "it is no readable gzip file"),
    ("ids.txt", HTML, "no id in line 1, line 2"),
    ("ids.txt", "1011\n".encode("utf-16-le"), "line 1: it contains a NUL character"),
    ("ids.jsonl", f'{{"id":1}}\n{{"id":"{PHONE}"}}', "no id in line 2"),
    ("ids.jsonl", '{"id":1}\n{"id":2', "line 2: is not JSON"),
    ("ids.parquet", as_parquet(id=[1, None]), "no id in row 2"),
    (
        "ids.xlsx",
        as_excel([["id"], [1], [1.5], [True], ["=1"]]),
        "row 5: 'id' has a formula without its value",
    ),
    ("ids.xlsx", as_excel([["id"], [1], [1.5], [True]]), "no id in row 3, row 4"),
    ("ids.parquet", "PAR1", "it is no readable Parquet file"),
]


def error_of(read: Callable[[bytes, str], Any], content: str | bytes, name: str) -> str:
    """Return the message of a file that cannot be read, after checking that it shows no cell."""
    with pytest.raises(ValueError, match=r"^\w+\.[\w.]+: ") as caught:
        read(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"), name)
    assert type(caught.value) is ValueError
    shown = "".join(traceback.format_exception(caught.value))
    assert PHONE not in shown
    assert "Ada" not in str(caught.value)
    return str(caught.value)


def name_part(value: str | bytes) -> str:
    """Return a value for the name of a test, without binary content, in which there are times."""
    return value if isinstance(value, str) else "binary"


@pytest.mark.parametrize(("name", "content", "why"), UNREADABLE_USERS, ids=name_part)
def test_unreadable_file_of_users_is_named_with_line(name: str, content: str | bytes, why: str) -> None:
    message = error_of(users_in, content, name)
    assert message.startswith(f"{name}: ")
    assert why in message


@pytest.mark.parametrize(("name", "content", "why"), UNREADABLE_IDS, ids=name_part)
def test_unreadable_file_of_ids_is_named_with_line(name: str, content: str | bytes, why: str) -> None:
    message = error_of(ids_in, content, name)
    assert message.startswith(f"{name}: ")
    assert why in message


@pytest.mark.parametrize(
    ("mapped", "why"),
    [
        ("Personal No", "columns: there is no column Personal No; did you mean 'Personnel No'? The file has"),
        (
            "Cost Centre",
            "columns: there is no column Cost Centre. The file has 'Personnel No', 'Given', ",
        ),
    ],
)
def test_mapped_column_that_is_missing_is_answered_with_nearest_and_available(mapped: str, why: str) -> None:
    columns = {mapped: "employee_number", "Given": "first_name", "Surname": "last_name"}
    with pytest.raises(ValueError, match=r"^people\.csv: line 1: ") as caught:
        users_in(b"Personnel No,Given,Surname\nE1,Ada,Byron\n", columns=columns)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("content", "options", "why"),
    [
        (
            "Personalnummer;Vorname;Nachname\n4711;Ada;Byron\n",
            {},
            ". The file has 'Personalnummer', 'Vorname', 'Nachname': map them with columns, such as "
            "columns={'Personalnummer': 'employee_number'}",
        ),
        (
            "E1;Ada;Byron\n",
            {},
            "If its columns have other names, map them with columns",
        ),
        ("ada@example.com;Ada\n", {}, "is it the right file?"),
        ("Personalnummer;Vorname\n", {"delimiter": "|"}, "a single column that contains another delimiter"),
        ("E1;Ada;Byron\n", {"delimiter": ","}, "a single column that contains another delimiter"),
    ],
    ids=["unknown names", "row", "row with e-mail address", "wrong delimiter", "row and wrong delimiter"],
)
def test_header_without_known_column_is_answered_with_names_or_delimiter(
    content: str, options: dict[str, Any], why: str
) -> None:
    assert why in error_of(lambda file, name: users_in(file, name, **options), content, "people.csv")


def test_wrong_delimiter_of_file_of_ids_is_reported_without_cell() -> None:
    message = error_of(lambda file, name: ids_in(file, name, delimiter="|"), "id;Ada\n1;2\n", "ids.csv")
    assert message.endswith("contains another delimiter: correct the delimiter argument")


def test_rows_that_are_valid_json_are_reported_with_the_broken_ones() -> None:
    lines = [LIAM, "{", json.dumps({"employee_number": "E3"})]
    with pytest.raises(ValueError, match="2 bad rows") as caught:
        users_in("\n".join(lines).encode(), "people.jsonl")
    assert [line.strip()[:7] for line in str(caught.value).splitlines()[1:]] == ["line 2:", "line 3:"]


@pytest.mark.parametrize("name", ["people.csv", "people.csv.gz", "people.csv.zst"])
@pytest.mark.parametrize("read", [users_in, ids_in])
def test_file_larger_than_limit_is_not_read(
    name: str, read: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = HEADER + "\n" * (5 << 18)
    compression = {"gz": "gzip", "zst": "zstd"}.get(name.rpartition(".")[2])
    content = pack(text, compression) if compression else text.encode()
    monkeypatch.setattr("airflow_provider_damstra.compression.MAX_CONTENT_BYTES", 1 << 20)
    with pytest.raises(ValueError, match=f"^{name}: it is larger than 1 MiB, after decompression"):
        read(content, name)
    monkeypatch.setattr("airflow_provider_damstra.compression.MAX_CONTENT_BYTES", len(text))
    with pytest.raises(ValueError, match=f"^{name}: (it has no rows|line 1: there is no column)"):
        read(content, name)
