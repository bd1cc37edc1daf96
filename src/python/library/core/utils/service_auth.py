"""Keys of services that are open to the public: where a service finds its own, and how it checks it itself."""
import hmac
import json
import os
import re


def get_service_api_key(extension_name, service_name):
    """The key of the service, or None when it has none."""
    parts = [re.sub(r"[^A-Za-z0-9]+", "_", name).upper().strip("_") for name in (extension_name, service_name)]
    return os.getenv("SERVICE_%s_%s_API_KEY" % tuple(parts))


class APIKeyMiddleware:
    """ASGI middleware: `Authorization: Bearer <key>` or `X-API-Key: <key>`, otherwise 401. Preflights pass."""

    def __init__(self, app, api_key):
        if not api_key:
            raise ValueError("APIKeyMiddleware needs a key: nothing would be let through, or everything")
        self.app = app
        self._key = api_key.encode()

    async def __call__(self, scope, receive, send):
        if scope["type"] not in ("http", "websocket") or scope.get("method") == "OPTIONS" or self._has_key(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            body = json.dumps({"error": "unauthorized", "detail": "Missing or invalid API key"}).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    def _has_key(self, scope):
        headers = {name.lower(): value for name, value in scope["headers"]}
        given = headers.get(b"authorization", b"")
        token = given[len("bearer "):].strip() if given[:7].lower() == b"bearer " else headers.get(b"x-api-key", b"")
        return hmac.compare_digest(token, self._key)
