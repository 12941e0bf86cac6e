from plugincore.baseplugin import BasePlugin


class Configured(BasePlugin):
    """Shows its parameters."""

    async def request_handler(self, **data):
        names = ("greeting", "times", "colours")
        return 200, {name: self.args.get(name) for name in names}
