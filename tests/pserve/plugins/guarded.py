from plugincore.baseplugin import BasePlugin


class Guarded(BasePlugin):
    """Asks for the global key."""

    async def request_handler(self, **data):
        return 200, {"secret": "of the house"}
