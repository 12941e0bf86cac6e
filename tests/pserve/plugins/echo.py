from plugincore.baseplugin import BasePlugin


class Echo(BasePlugin):
    """Gives back what it was asked."""

    async def request_handler(self, **data):
        hidden = ("log", "request", "request_headers", "subpath", "client_ip")
        given = {name: value for name, value in data.items() if name not in hidden}
        return 200, {
            "given": given,
            "subpath": data["subpath"],
            "method": data["request"].method,
            "client_ip": data["client_ip"],
            "agent": data["request_headers"].get("X-Agent"),
        }
