"""The extensions of this Luna as Python code sees them: their folders, their functions, their settings."""
import importlib.util
import inspect
import json
import os
import sys
from pathlib import Path

PROJECT_ROOT = Path(os.environ.get("LUNA_HOME", os.getcwd()))


def _folders(tool_root):
    root = Path(tool_root) if tool_root else PROJECT_ROOT / "extensions"
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _json_of(path):
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
        return value if isinstance(value, dict) else {}
    except (OSError, ValueError):
        return {}


def _import(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


def _prompt_of(module):
    prompt = getattr(module, "SYSTEM_PROMPT", "")
    prompt = prompt() if callable(prompt) else prompt
    return prompt.strip() if isinstance(prompt, str) else ""


def discover_extensions(tool_root=None):
    """
    A record for each extension with Python tools: name, path, tools (functions), system_prompt, tool_configs, config
    and load_errors. It imports their files into this process, with this process' rights and secrets.
    """
    found = []
    for folder in _folders(tool_root):
        if not (folder / "tools").is_dir():
            continue
        record = {
            "name": folder.name,
            "path": str(folder),
            "tools": [],
            "system_prompt": "",
            "tool_configs": _json_of(folder / "tools" / "tool_config.json"),
            "config": _json_of(folder / "config.json"),
            "load_errors": [],
        }
        for file in sorted((folder / "tools").glob("*_tools.py")):
            try:
                module = _import(file)
                tools = getattr(module, "TOOLS", None)
                record["tools"] += [tool for tool in tools if callable(tool)] if isinstance(tools, list) else []
                record["system_prompt"] = record["system_prompt"] or _prompt_of(module)
            except Exception as error:
                record["load_errors"].append("%s: %s: %s" % (file.name, type(error).__name__, error))
        if record["tools"] or record["load_errors"]:
            found.append(record)
    return found


def discover_extension_uis(tool_root=None):
    """Name, folder and start script of each UI."""
    return [
        {"name": folder.name, "ui_path": str(folder / "ui"), "start": str(folder / "ui" / "start.sh")}
        for folder in _folders(tool_root)
        if (folder / "ui" / "start.sh").is_file()
    ]


def discover_extension_services(tool_root=None):
    """Extension, name, folder, start script and settings of each service."""
    found = []
    for folder in _folders(tool_root):
        services = folder / "services"
        for service in sorted(services.iterdir()) if services.is_dir() else []:
            if (service / "start.sh").is_file():
                record = {"extension": folder.name, "service": service.name, "path": str(service)}
                config = _json_of(service / "service_config.json")
                found.append(dict(record, start=str(service / "start.sh"), config=config))
    return found


def build_all_light_schema():
    """All tools in words, one short paragraph each."""
    lines = []
    for extension in discover_extensions():
        for tool in extension["tools"]:
            try:
                parameters = inspect.signature(tool).parameters.values()
            except (TypeError, ValueError):
                parameters = []
            kinds = [(one.name, "Any" if one.annotation is one.empty else one.annotation) for one in parameters]
            told = ", ".join("%s: %s" % (name, getattr(kind, "__name__", kind)) for name, kind in kinds)
            lines.append("- %s(%s)" % (getattr(tool, "__name__", "unknown"), told))
            summary = (inspect.getdoc(tool) or "").split("\n")[0]
            lines += ["  " + summary, ""] if summary else [""]
    return "\n".join(lines)


def get_mcp_tools():
    """The functions whose tool_config.json says `enabled_in_mcp`."""
    return [
        tool
        for extension in discover_extensions()
        for tool in extension["tools"]
        if (extension["tool_configs"].get(getattr(tool, "__name__", "")) or {}).get("enabled_in_mcp") is True
    ]
