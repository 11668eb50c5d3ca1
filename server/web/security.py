"""Headers on every answer: nothing from elsewhere, no framing, camera and microphone for this site's own pages."""

from __future__ import annotations

from litestar.types import Message, Scope

from server.kit.settings import Settings

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self' {socket}",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class SecurityHeaders:
    """A `before_send` hook: a middleware would not see what the router itself refuses (404, 405)."""

    def __init__(self, settings: Settings) -> None:
        secure = settings.base_url.startswith("https://")
        # 'self' covers a same-origin WebSocket in all but older Safari.
        socket = settings.base_url.replace("http", "ws", 1)
        headers = {
            "content-security-policy": POLICY.format(socket=socket),
            "x-content-type-options": "nosniff",
            "referrer-policy": "strict-origin-when-cross-origin",
            "permissions-policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=()",
            "cross-origin-opener-policy": "same-origin",
            **({"strict-transport-security": "max-age=31536000"} if secure else {}),
        }
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, message: Message, scope: Scope) -> None:
        """Adds what the answer doesn't say itself."""
        if message["type"] != "http.response.start":
            return
        said = {name.lower() for name, _ in message["headers"]}
        more = [header for header in self._headers if header[0] not in said]
        if scope["path"].startswith("/api/") and b"cache-control" not in said:
            more.append((b"cache-control", b"no-store"))
        message["headers"] = [*message["headers"], *more]
