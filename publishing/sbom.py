"""Build hook of hatchling: add a software bill of materials (SBOM) to the wheel, as PEP 770 describes it.

The SBOM is in CycloneDX's JSON format. It lists the package and its requirements; the wheel contains no code
of other projects. Builds of the same sources have the same SBOM: it has no time of the build, and its serial
number is a hash of its content.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILE_NAME = "airflow-provider-damstra.cdx.json"


class SbomBuildHook(BuildHookInterface):  # type: ignore[misc] # only builds have hatchling
    """Write the SBOM to a temporary folder, from which hatchling copies it into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the SBOM, unless the package is installed as editable."""
        if version == "editable":
            return
        core = self.metadata.core
        sbom = build_sbom(
            name=core.name,
            version=self.metadata.version,
            license_expression=core.license_expression,
            required=core.dependencies,
            optional=core.optional_dependencies,
        )
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / FILE_NAME
        path.write_text(json.dumps(sbom, indent=2) + "\n", encoding="utf-8")
        build_data["sbom_files"].append(str(path))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary folder."""
        if version != "editable":
            self._folder.cleanup()


def build_sbom(
    *,
    name: str,
    version: str,
    license_expression: str,
    required: Sequence[str],
    optional: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Return the SBOM of a package.

    :param required: its requirements.
    :param optional: the requirements of its extras.
    """
    reference = f"pkg:pypi/{name}@{version}"
    components: dict[str, dict[str, Any]] = {}
    _add_components(components, required, "required")
    for requirements in optional.values():
        _add_components(components, requirements, "optional")
    ordered = [components[purl] for purl in sorted(components)]
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": reference,
                "name": name,
                "version": version,
                "purl": reference,
                "licenses": [{"expression": license_expression}],
            }
        },
        "components": ordered,
        "dependencies": [
            {"ref": reference, "dependsOn": [component["bom-ref"] for component in ordered]},
            *({"ref": component["bom-ref"]} for component in ordered),
        ],
    }
    serial_number = uuid5(NAMESPACE_URL, json.dumps(content, sort_keys=True))
    return {**content, "serialNumber": f"urn:uuid:{serial_number}"}


def _add_components(components: dict[str, dict[str, Any]], requirements: Sequence[str], scope: str) -> None:
    """Add a component for each required package, by its package URL; installers choose the versions.

    A package that is required several times, such as by two extras, is one component with all requirements.
    """
    for requirement in map(Requirement, requirements):
        purl = f"pkg:pypi/{canonicalize_name(requirement.name)}"
        component = components.setdefault(
            purl,
            {
                "type": "library",
                "bom-ref": purl,
                "name": canonicalize_name(requirement.name),
                "scope": scope,
                "purl": purl,
                "properties": [],
            },
        )
        declared = {"name": "python:requirement", "value": str(requirement)}
        if declared not in component["properties"]:
            component["properties"].append(declared)
