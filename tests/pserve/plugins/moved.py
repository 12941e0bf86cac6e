from plugincore.baseplugin import BasePlugin


class Moved(BasePlugin):
    """Under another path."""

    async def request_handler(self, **data):
        return 200, "here"
