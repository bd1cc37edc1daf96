"""The tools of "sample": each function in TOOLS is one that MCP clients and agents can call."""

import json

SYSTEM_PROMPT = "The SAMPLE tools greet people."


def SAMPLE_GET_greeting(name: str, phrase: str = "Hello") -> tuple[bool, str]:
    """Greets a person by name.

    Example Prompt: Say hello to Ada
    Example Args: {"name": "Ada"}
    Example Response: {"greeting": "Hello, Ada!"}
    """
    if not name.strip():
        # False and a text are a failure that the model can act on.
        return False, "The name is empty: ask the user whom to greet"
    return True, json.dumps({"greeting": f"{phrase}, {name.strip()}!"}, ensure_ascii=False)


TOOLS = [SAMPLE_GET_greeting]
