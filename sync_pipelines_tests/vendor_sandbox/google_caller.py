"""A caller of the sandboxed Google Sheets that holds every call it makes against the vendor's discovery documents."""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote, unquote

import requests

from sync_pipelines_tests.vendor_sandbox.conftest import PATIENCE
from vendor_sandbox import Sandbox

Json = dict[str, Any]


@cache
def discovery(api: str) -> Json:
    """The discovery document the vendor's own Python client ships: sheets.v4 or drive.v3."""
    folder = files("googleapiclient") / "discovery_cache" / "documents"
    found: Json = json.loads((folder / f"{api}.json").read_text())
    return found


def methods(document: Json) -> list[Json]:
    found = list(document.get("methods", {}).values())
    for resource in document.get("resources", {}).values():
        found += methods(resource)
    return found


def method_for(verb: str, path: str) -> tuple[Json, Json]:
    """The discovery document and the method of a call; path as it went over the wire, below the vendor's part."""
    api = discovery("drive.v3" if path.startswith("/drive/") else "sheets.v4")
    fitting = []
    for method in methods(api):
        template = (api["servicePath"] + method["path"]).lstrip("/")
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
        if method["httpMethod"] == verb and re.fullmatch(pattern, path.lstrip("/")):
            fitting.append((len(template), method))
    assert fitting, f"no method {verb} {path}"
    return api, max(fitting, key=lambda each: each[0])[1]


def misfits(api: Json, schema: Json, value: Any, where: str) -> list[str]:
    """What about a value is not as its schema has it. Null stands for a member that is not set."""
    if value is None:
        return []
    if "$ref" in schema:
        return misfits(api, api["schemas"][schema["$ref"]], value, where)
    match schema.get("type"):
        case "object" if isinstance(value, dict):
            known, others = schema.get("properties", {}), schema.get("additionalProperties")
            found = []
            for name, part in value.items():
                if name not in known and others is None:
                    found.append(f"{where}.{name} is unknown")
                else:
                    found += misfits(api, known.get(name, others), part, f"{where}.{name}")
            return found
        case "array" if isinstance(value, list):
            return [each for at, part in enumerate(value) for each in misfits(api, schema["items"], part, f"{where}[{at}]")]
        case "string" if isinstance(value, str):
            allowed = schema.get("enum", [value])
            return [] if value in allowed else [f"{where}: {value!r} is none of {allowed}"]
        case "integer" if isinstance(value, int) and not isinstance(value, bool):
            return []
        case "number" if isinstance(value, int | float) and not isinstance(value, bool):
            return []
        case "boolean" if isinstance(value, bool):
            return []
        case "any":
            return []
    return [f"{where}: {value!r} is not of type {schema.get('type')}"]


def check_call(verb: str, path: str, query: list[tuple[str, str]], body: Any, reply: Any) -> None:
    """Raises AssertionError when a call that was accepted, or its reply, is not as the discovery document has it."""
    api, method = method_for(verb, path)
    known = {**method.get("parameters", {}), **api["parameters"]}
    for name, value in query:
        assert name in known, f"{method['id']} has no parameter {name}"
        assert value in known[name].get("enum", [value]), f"{method['id']}: {name}={value}"
    found = [] if body is None else misfits(api, method["request"], body, "request")
    if not any(name == "fields" for name, _ in query):
        found += misfits(api, method["response"], reply, "response")
    assert not found, found


class GoogleCaller:
    """Works on one spreadsheet; `batch`, `append` and so on raise for a status that is not 200."""

    def __init__(self, sandbox: Sandbox, spreadsheet: str = "Order Book", token: str | None = None) -> None:
        self.sandbox = sandbox
        self.google = sandbox.google
        self.id = sandbox.google.spreadsheet_id(spreadsheet)
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token or sandbox.google.token()}"

    def send(self, verb: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        """A call below /google, whatever comes of it; checked against the discovery document when it is a 200."""
        pairs = [(name, each) for name, value in query.items() for each in (value if isinstance(value, list) else [value])]
        reply = self.session.request(verb, f"{self.sandbox.url}/google{path}", json=body, params=pairs, timeout=PATIENCE)
        if reply.status_code == 200:
            check_call(verb, path, [(name, str(value)) for name, value in pairs], body, reply.json())
        return reply

    def sheets(self, verb: str, below: str, body: Any = None, **query: Any) -> requests.Response:
        """A call on this spreadsheet."""
        return self.send(verb, f"/v4/spreadsheets/{self.id}{below}", body, **query)

    def ok(self, verb: str, below: str, body: Any = None, **query: Any) -> Json:
        reply = self.sheets(verb, below, body, **query)
        assert reply.status_code == 200, reply.text
        found: Json = reply.json()
        return found

    def refused(self, verb: str, below: str, body: Any = None, **query: Any) -> str:
        """The status of a refusal; the message is in no contract."""
        reply = self.sheets(verb, below, body, **query)
        error = reply.json()["error"]
        assert error["code"] == reply.status_code, reply.text
        status: str = error["status"]
        return status

    def get(self, wanted: str, **query: str) -> Json:
        return self.ok("GET", f"/values/{quote(wanted, safe='')}", **query)

    def values(self, wanted: str, **query: str) -> list[list[Any]]:
        found: list[list[Any]] = self.get(wanted, **{"valueRenderOption": "UNFORMATTED_VALUE", **query}).get("values", [])
        return found

    def put(self, wanted: str, values: list[list[Any]], option: str = "RAW", **query: str) -> Json:
        return self.ok("PUT", f"/values/{quote(wanted, safe='')}", {"values": values}, valueInputOption=option, **query)

    def append(self, wanted: str, values: list[list[Any]], option: str = "RAW", **query: str) -> Json:
        below = f"/values/{quote(wanted, safe='')}:append"
        return self.ok("POST", below, {"values": values}, valueInputOption=option, **query)

    def batch(self, *requests: Json) -> list[Json]:
        found: list[Json] = self.ok("POST", ":batchUpdate", {"requests": list(requests)})["replies"]
        return found

    def batch_refused(self, *requests: Json) -> str:
        return self.refused("POST", ":batchUpdate", {"requests": list(requests)})

    def rows(self, tab: str | None = None) -> list[list[Any]]:
        title = next(each["title"] for each in self.google.state()["spreadsheets"] if each["id"] == self.id)
        return self.google.rows(title, tab)

    def person(self, do: str, **action: Any) -> None:
        self.google.change_state({"person": [{"spreadsheet": self.id, "do": do, **action}]})

    def settings(self, **changes: Any) -> None:
        self.google.change_state({"settings": changes})

    def calls(self) -> list[str]:
        return [f"{call['method']} {unquote(call['path'])}" for call in self.sandbox.calls("google")]
