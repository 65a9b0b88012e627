"""An OpenAPI document as an HTML page without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

_JSON = "application/json"
_MAX_DEPTH = 4

Schema = dict[str, Any]


def render_document(document: Schema) -> str:
    """Return the page of an OpenAPI document: its operations by tag."""
    return "\n".join(_page(document))


def _page(document: Schema) -> Iterator[str]:
    title = escape(f"{document['info']['title']} {document['info']['version']}: API")
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<link rel="icon" href="data:,"><link rel="stylesheet" href="/page/page.css">'
    yield f'<title>{title}</title>\n</head>\n<body class="document">\n<header><h1>{title}</h1>'
    yield '<nav><a href="/">Emulator</a> <a href="/openapi.json">openapi.json</a></nav></header>\n<main>'
    yield "<p>Operations below <code>/api/v2</code> need the header <code>AccessKey</code>. Those below "
    yield "<code>/_emulator</code> need none; POST and PUT need "
    yield "<code>Content-Type: application/json</code>.</p>"
    tags: dict[str, list[tuple[str, str, Schema]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tags.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    for tag, operations in tags.items():
        yield f"<h2>{escape(tag.replace('_', ' '))}</h2>"
        for operation in operations:
            yield from _operation(*operation, schemas=document["components"]["schemas"])
    yield "</main>\n</body>\n</html>"


def _operation(method: str, path: str, operation: Schema, *, schemas: Schema) -> Iterator[str]:
    summary = escape(operation.get("summary", ""))
    text = operation.get("description", "")
    yield f'<details class="operation"><summary><b class="{method}">{method}</b> <code>{escape(path)}</code> '
    yield f"<span>{summary}</span></summary>"
    if text:
        yield f"<p>{escape(text)}</p>"
    rows = [
        (parameter["name"], parameter["in"], parameter["required"], parameter["schema"])
        for parameter in operation.get("parameters", ())
    ]
    body = operation.get("requestBody", {}).get("content", {}).get(_JSON, {}).get("schema", {})
    body = _resolve(body, schemas)
    required = body.get("required", ())
    rows += [(name, "body", name in required, schema) for name, schema in body.get("properties", {}).items()]
    if rows:
        yield "<table><thead><tr><th>Name</th><th>In</th><th>Type</th></tr></thead><tbody>"
        for name, place, is_required, schema in rows:
            kind = _type(schema, schemas) + (", required" if is_required else "")
            yield f'<tr><th scope="row"><code>{escape(name)}</code></th><td>{place}</td>'
            yield f"<td>{escape(kind)}</td></tr>"
        yield "</tbody></table>"
    yield "</details>"


def _resolve(schema: Schema, schemas: Schema) -> Schema:
    """Return the schema that a reference, or an optional one, leads to."""
    if "$ref" in schema:
        return _resolve(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    return _resolve(options[0], schemas) if len(options) == 1 else schema


def _type(schema: Schema, schemas: Schema, depth: int = 0) -> str:
    """Return the type of a value as a text, such as ``array of integer``."""
    schema = _resolve(schema, schemas)
    if depth > _MAX_DEPTH:
        return "..."
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        return " or ".join(_type(option, schemas, depth + 1) for option in schema["anyOf"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"array of {_type(schema.get('items', {}), schemas, depth + 1)}"
    if kind == "object" and schema.get("properties"):
        fields = (f"{name}: {_type(one, schemas, depth + 1)}" for name, one in schema["properties"].items())
        return f"object ({', '.join(fields)})"
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)
