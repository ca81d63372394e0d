"""A client of a language server, as small as an editor can be: JSON-RPC over the server's standard streams."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

SECONDS = 60.0
"""Longest wait for the server; it answers in milliseconds once it has read its schema."""


class LanguageServer:
    """A running server, to be used in a `with`. `settings` is what it is told when it asks for its configuration."""

    def __init__(self, command: Sequence[str], root: Path, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.root = root
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.incoming: Queue[dict[str, Any] | None] = Queue()
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}
        self.last_id = 0
        self.reader = Thread(target=self._read, daemon=True)
        self.reader.start()

    def __enter__(self) -> LanguageServer:
        capabilities = {
            "workspace": {"configuration": True},
            "textDocument": {
                "completion": {"completionItem": {"documentationFormat": ["markdown"], "snippetSupport": True}},
                "hover": {"contentFormat": ["markdown"]},
            },
        }
        self.request("initialize", processId=None, rootUri=self.root.as_uri(), capabilities=capabilities)
        self.notify("initialized")
        self.notify("workspace/didChangeConfiguration", settings=self.settings)
        return self

    def __exit__(self, *_: object) -> None:
        self.request("shutdown")
        self.notify("exit")
        self.process.wait(SECONDS)
        self.reader.join(SECONDS)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def open(self, path: Path) -> list[dict[str, Any]]:
        """Open a file and return what the server finds in it."""
        uri = path.as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": path.read_text(encoding="utf-8")}
        self.notify("textDocument/didOpen", textDocument=document)
        self._wait(lambda _: uri in self.diagnostics)
        return self.diagnostics[uri]

    def completion(self, path: Path, line: int, column: int) -> dict[str, dict[str, Any]]:
        """Return what may be written at a place, by label; line and column count from 0."""
        answer = self.request("textDocument/completion", **_at(path, line, column))
        items = answer if isinstance(answer, list) else (answer or {}).get("items", [])
        return {item["label"]: item for item in items}

    def hover(self, path: Path, line: int, column: int) -> str:
        """Return what is shown at a place, as Markdown."""
        answer = self.request("textDocument/hover", **_at(path, line, column))
        return str(answer["contents"]["value"]) if answer else ""

    def request(self, method: str, **parameters: Any) -> Any:
        """Ask and return the answer. Raises `AssertionError` for an error, or where none comes."""
        self.last_id += 1
        number = self.last_id
        self._send({"id": number, "method": method, "params": parameters or None})
        answer = self._wait(lambda message: message.get("id") == number and "method" not in message)
        assert "error" not in answer, answer["error"]
        return answer.get("result")

    def notify(self, method: str, **parameters: Any) -> None:
        self._send({"method": method, "params": parameters})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode("utf-8")
        stream = self.process.stdin
        assert stream is not None
        stream.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        stream.flush()

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        length = 0
        while line := stream.readline():
            if line.startswith(b"Content-Length:"):
                length = int(line.split(b":")[1])
            elif line == b"\r\n":
                self.incoming.put(json.loads(stream.read(length)))
        self.incoming.put(None)

    def _wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Take messages, and answer those that ask for something, until the one that is wanted."""
        while True:
            try:
                message = self.incoming.get(timeout=SECONDS)
            except Empty:
                raise AssertionError(f"the language server said nothing for {SECONDS:g} seconds") from None
            assert message is not None, "the language server ended"
            if message.get("method") == "textDocument/publishDiagnostics":
                self.diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
            elif message.get("method") == "workspace/configuration":
                sections = [item.get("section") for item in message["params"]["items"]]
                self._send({"id": message["id"], "result": [self.settings.get(section) for section in sections]})
            elif "method" in message and "id" in message:
                self._send({"id": message["id"], "result": None})
            if wanted(message):
                return message


def _at(path: Path, line: int, column: int) -> dict[str, Any]:
    return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": column}}
