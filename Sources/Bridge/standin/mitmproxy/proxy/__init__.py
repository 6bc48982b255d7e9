"""Of the proxy only what flows and hooks carry: its layers are not here."""
