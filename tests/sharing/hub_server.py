"""A local server with what uploads and downloads need of the Hugging Face Hub's API."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml


class Hub:
    """Repositories in memory, served on localhost.

    Attributes:
        repositories: {user/name: {path: content}}.
        tokens: the values of the authorization headers that were sent.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.tokens: set[str | None] = set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            if "Content_Length" not in headers:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def json(self, content: object, status: int = 200, **headers: str) -> None:
            body = json.dumps(content).encode()
            self.answer(status, body, Content_Type="application/json", **headers)

        def do_POST(self) -> None:
            hub.tokens.add(self.headers.get("Authorization"))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = self.path.strip("/").split("/")
            if self.headers.get("Authorization") != "Bearer secret":
                self.json({"error": "Invalid token"}, 401)
            elif self.path == "/api/repos/create":
                asked = json.loads(body)
                name = f"{asked.get('organization') or 'me'}/{asked['name']}"
                hub.repositories.setdefault(name, {})
                self.json({"url": f"{hub.address}/{name}"})
            elif self.path == "/api/validate-yaml":
                card = yaml.safe_load(json.loads(body)["content"].split("---")[1])
                errors = [] if card["model-index"] else [{"message": "no results"}]
                self.json({"errors": errors, "warnings": []}, 400 if errors else 200)
            elif parts[4:5] == ["preupload"]:
                files = [
                    {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for each in json.loads(body)["files"]
                ]
                self.json({"files": files})
            elif parts[4:5] == ["commit"]:
                name = "/".join(parts[2:4])
                for line in map(json.loads, body.splitlines()):
                    if line["key"] == "file":
                        content = base64.b64decode(line["value"]["content"])
                        hub.repositories[name][line["value"]["path"]] = content
                url = f"{hub.address}/{name}/commit/{'a' * 40}"
                self.json({"success": True, "commitOid": "a" * 40, "commitUrl": url})
            else:
                self.json({"error": self.path}, 404)

        def do_GET(self) -> None:
            hub.tokens.add(self.headers.get("Authorization"))
            parts = self.path.partition("?")[0].strip("/").split("/")
            name = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
            files = hub.repositories.get(name)
            if files is None:
                self.json({"error": "Repository not found"}, 401, X_Error_Code="RepoNotFound")
            elif parts[0] == "api" and parts[4:5] == ["tree"]:
                tree = [
                    {"type": "file", "path": path, "size": len(content), "oid": _digest(content)}
                    for path, content in files.items()
                ]
                self.json(tree)
            elif parts[0] == "api":
                siblings = [{"rfilename": path} for path in files]
                self.json({"id": name, "sha": "a" * 40, "siblings": siblings})
            else:
                content = files["/".join(parts[4:])]
                self.answer(
                    200,
                    content,
                    ETag=f'"{_digest(content)}"',
                    X_Repo_Commit="a" * 40,
                    Content_Length=str(len(content)),
                )

        do_HEAD = do_GET

    return Handler


def _digest(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
