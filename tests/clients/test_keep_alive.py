"""Connections that carry one request after the other: no request is given the answer of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.endpoints import GetUser
from tests.clients.faces import SyncFace, settings_for
from tests.clients.servers import http_answer, raw_server
from tests.clients.tls import certificate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import OpenFace

IDS = [1, 2, 3]
ANSWERS = [http_answer(f'{{"id": {number}}}', Connection="keep-alive") for number in IDS]


@pytest.mark.parametrize("status", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_a_provisional_answer_is_not_taken_for_the_answer(status: str, open_face: OpenFace) -> None:
    provisional = f"HTTP/1.1 {status}\r\nLink: </style.css>\r\n\r\n".encode()
    answers = [provisional * number + answer for number, answer in zip(IDS, ANSWERS, strict=True)]
    with raw_server(*answers, keeps_open=True) as server:
        face = open_face(server.url, max_retries=0)
        assert [face.call(GetUser(user_id=number)).id for number in IDS] == IDS
        assert server.connections == 1


@pytest.mark.parametrize("has_tls", [False, True])
def test_what_nobody_asked_for_is_no_answer(has_tls: bool, tmp_path: Path) -> None:
    """The answers of a server that says more than it was asked, in one piece."""
    bundle, context = certificate(tmp_path)
    more = http_answer("a" * 9000, Connection="keep-alive")
    with raw_server(
        *(answer + more for answer in ANSWERS), context=context if has_tls else None, keeps_open=True
    ) as server:
        settings = settings_for(server.url, max_retries=0, verify=str(bundle) if has_tls else True)
        with SyncFace(settings) as face:
            assert [face.call(GetUser(user_id=number)).id for number in IDS] == IDS
        assert server.connections == len(IDS)
