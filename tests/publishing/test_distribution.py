"""The wheel and the sdist: valid, complete, reproducible, and usable in an empty environment."""

from __future__ import annotations

import json
import tarfile
import zipfile
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

import airflow_provider_damstra
from tests.publishing.conftest import ROOT, UV, build, run, wheel_in

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.distribution

SBOM = "airflow_provider_damstra-{version}.dist-info/sboms/airflow-provider-damstra.cdx.json"
FIND_PROVIDER = """
import airflow_provider_damstra
from airflow.providers_manager import ProvidersManager
from airflow.plugins_manager import ensure_plugins_loaded, get_plugin_info
provider = ProvidersManager().providers["airflow-provider-damstra"]
ensure_plugins_loaded()
assert "damstra" in {plugin["name"] for plugin in get_plugin_info(["name"])}
print(provider.version, airflow_provider_damstra.__file__)
"""


def files_in(dist: Path) -> list[Path]:
    """Return the wheel and the sdist of a folder, in which uv also writes a file for Git."""
    return sorted(dist.glob("airflow_provider_damstra-*"))


def test_metadata_is_valid(dist: Path, environment: Path, tmp_path: Path) -> None:
    output = run(environment, "-m", "twine", "check", "--strict", *files_in(dist), folder=tmp_path)
    assert output.count("PASSED") == 2


def test_wheel_works_in_an_empty_environment(environment: Path, tmp_path: Path) -> None:
    run(UV, "pip", "check", "--python", environment, folder=tmp_path)
    output = run(environment, "-c", FIND_PROVIDER, folder=tmp_path)
    version, path = output.split()[-2:]
    assert version == airflow_provider_damstra.__version__
    assert path.startswith(str(environment.parents[1]))


def test_wheel_has_the_example_dags(dist: Path) -> None:
    names = zipfile.ZipFile(wheel_in(dist)).namelist()
    examples = {path.name for path in (ROOT / "example_dags").glob("*.py")}
    folder = "airflow_provider_damstra/example_dags/"
    assert {name.removeprefix(folder) for name in names if name.startswith(folder)} == examples
    assert not [name for name in names if name.startswith(("tests/", "publishing/", "docs/"))]


def test_wheel_has_an_sbom_with_every_requirement(dist: Path) -> None:
    wheel = zipfile.ZipFile(wheel_in(dist))
    version = airflow_provider_damstra.__version__
    sbom = json.loads(wheel.read(SBOM.format(version=version)))
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    assert sbom["metadata"]["component"]["purl"] == f"pkg:pypi/airflow-provider-damstra@{version}"
    metadata = wheel.read(f"airflow_provider_damstra-{version}.dist-info/METADATA").decode()
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: ")]
    assert len(required) == len(sbom["components"])
    scopes = {component["name"]: component["scope"] for component in sbom["components"]}
    assert (scopes["apache-airflow"], scopes["pyarrow"]) == ("required", "optional")
    (graph, *_) = sbom["dependencies"]
    assert graph["dependsOn"] == [component["bom-ref"] for component in sbom["components"]]


def test_wheel_is_reproducible(dist: Path, tmp_path: Path) -> None:
    digests = {sha256(wheel_in(folder).read_bytes()).hexdigest() for folder in (dist, build(tmp_path))}
    assert len(digests) == 1


def test_sdist_has_what_its_wheel_is_built_from(dist: Path) -> None:
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"pyproject.toml", "publishing/sbom.py", "LICENSE", "CHANGELOG.md", "README.md"} <= names
