from aiohttp import web
from plugincore.baseplugin import BasePlugin


class Kinds(BasePlugin):
    """Answers of each kind."""

    async def request_handler(self, **data):
        kind = data["subpath"]
        if kind == "dict":
            return 200, {"a": 1, "b": [True, None, 2.5], "c": "é"}
        if kind == "text":
            return 200, "<b>bold</b>"
        if kind == "list":
            return 200, [1, 2]
        if kind == "number":
            return 200, 5
        if kind == "missing":
            return 404, {"error": "no such thing"}
        if kind == "response":
            return 200, web.Response(status=418, text="teapot", content_type="text/plain")
        if kind == "raise":
            raise ValueError("broken")
        return 200, {"kind": kind}
