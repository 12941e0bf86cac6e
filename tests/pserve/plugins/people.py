from plugincore.baseplugin import BasePlugin


class Persons(BasePlugin):
    """The name of its class is its path."""

    async def request_handler(self, **data):
        return 200, {"people": ["ann", "bob"]}
