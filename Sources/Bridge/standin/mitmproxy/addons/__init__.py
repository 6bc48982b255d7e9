"""Of mitmproxy's own addons those that addons of others import."""
