"""The FastMCP server that Luna is compared with: one tool, without any login."""
import sys
from fastmcp import FastMCP

server = FastMCP("example")

@server.tool
def greet(name: str) -> str:
    """Greets somebody"""
    return f"Hello, {name}!"

server.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), log_level="critical", show_banner=False, uvicorn_config={"access_log": False})
