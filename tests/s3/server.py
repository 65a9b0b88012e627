"""An S3 server for the tests, and requests to inspect and configure it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any
from xml.etree import ElementTree

import requests

from demo.processes import free_port
from tests.waiting import wait_until

REGION = "us-east-1"
_CREDENTIAL = f"AWS4-HMAC-SHA256 Credential=root/20260101/{REGION}/{{service}}/aws4_request"


class S3Server:
    """moto's server in a subprocess, on a free port."""

    def __init__(self) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._session = requests.Session()
        self._session.trust_env = False
        command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 (our own command)

    def wait_until_ready(self) -> None:
        wait_until(self._is_up, "the S3 server responds")

    def stop(self) -> None:
        self._session.close()
        self._process.terminate()
        self._process.wait(timeout=10)

    def reset(self) -> None:
        """Delete everything."""
        self._request("POST", "/moto-api/reset")

    def create_bucket(self, name: str) -> None:
        self._request("PUT", f"/{name}")

    def buckets(self) -> list[str]:
        return self._texts("/", "Name")

    def names(self, bucket: str) -> list[str]:
        """Return the keys in a bucket."""
        return self._texts(f"/{bucket}?list-type=2", "Key")

    def unfinished_uploads(self, bucket: str) -> list[str]:
        """Return the keys of multipart uploads in progress."""
        return self._texts(f"/{bucket}?uploads", "Key")

    def content(self, bucket: str, name: str) -> bytes:
        return self._request("GET", f"/{bucket}/{name}").content

    def create_user(self, name: str, *statements: dict[str, Any]) -> dict[str, str]:
        """Create a user with these rights, and return login and password for a connection."""
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self._iam("CreateUser", UserName=name)
        self._iam("PutUserPolicy", UserName=name, PolicyName="rights", PolicyDocument=policy)
        key = self._iam("CreateAccessKey", UserName=name)
        return {"login": _texts(key, "AccessKeyId")[0], "password": _texts(key, "SecretAccessKey")[0]}

    def enforce_rights(self, enabled: bool) -> None:
        """Check the rights of each request, or allow all requests."""
        self._request("POST", "/moto-api/reset-auth", data="0" if enabled else "inf")

    def _is_up(self) -> bool:
        try:
            return self._session.get(f"{self.url}/moto-api/data.json", timeout=5).ok
        except requests.ConnectionError:
            return False

    def _iam(self, action: str, **arguments: str) -> bytes:
        data = {"Action": action, "Version": "2010-05-08", **arguments}
        return self._request("POST", "/", service="iam", data=data).content

    def _texts(self, path: str, tag: str) -> list[str]:
        return _texts(self._request("GET", path).content, tag)

    def _request(self, method: str, path: str, *, service: str = "s3", data: Any = None) -> requests.Response:
        headers = {"Authorization": _CREDENTIAL.format(service=service)}
        response = self._session.request(method, self.url + path, headers=headers, data=data, timeout=10)
        response.raise_for_status()
        return response


def _texts(xml: bytes, tag: str) -> list[str]:
    """Return the text of each element with a tag."""
    return [one.text or "" for one in ElementTree.fromstring(xml).iterfind(f".//{{*}}{tag}")]  # noqa: S314 (our own server)
