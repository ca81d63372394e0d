"""What `netspec doctor` prints of the tools that `toolchain` finds."""

from __future__ import annotations

import json

from netspec.toolchain import describe


def doctor_text() -> str:
    """Return a line a tool: found with version, or missing with the command that installs it."""
    tools = describe()
    width = max(len(tool.name) for tool in tools)
    lines = []
    for tool in tools:
        state = f"{tool.version}" if tool.found else "missing"
        lines.append(f"{'ok' if tool.found else '--'}  {tool.name:<{width}}  {state}  ({tool.purpose})")
        if tool.problem:
            lines.append(f"    {'':<{width}}  {tool.problem}")
        if not tool.found:
            lines.append(f"    {'':<{width}}  install: {tool.install}")
    return "\n".join(lines)


def doctor_json() -> str:
    tools = [
        {
            "name": tool.name,
            "found": tool.found,
            "version": tool.version,
            "path": str(tool.path) if tool.path else None,
            "purpose": tool.purpose,
            "install": tool.install,
        }
        for tool in describe()
    ]
    return json.dumps({"schema_version": 1, "tools": tools}, indent=2)
