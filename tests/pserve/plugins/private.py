from plugincore.baseplugin import BasePlugin


class Private(BasePlugin):
    """Asks for a key of its own."""

    async def request_handler(self, **data):
        return 200, {"secret": "of the room"}
