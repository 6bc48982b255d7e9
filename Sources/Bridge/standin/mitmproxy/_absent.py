"""Names of the real package that are not here fail with an error that names them and says why."""

import importlib
import sys
from dis import opmap
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

ROOT = __name__.partition(".")[0]

# The longest matching prefix is the reason.
REASONS = {
    "mitmproxy": "the stand-in does not have it; an installation of mitmproxy itself does (option addon_mitmproxy=real)",
    "mitmproxy.addons": "mitmproxy's own addons are not part of Weir; Weir has options, commands and rules of its own for what they do",
    "mitmproxy.contentviews": "content views are shown by mitmproxy's console and web interface, which are no part of Weir",
    "mitmproxy.contrib": "what mitmproxy bundles from others is not part of the stand-in",
    "mitmproxy.master": "the proxy is Weir's own process; an addon runs beside it, in another one",
    "mitmproxy.platform": "the proxy is Weir's own process; an addon runs beside it, in another one",
    "mitmproxy.proxy": "the proxy's layers are Weir's own process; an addon runs beside it, in another one",
    "mitmproxy.tools": "mitmproxy's console, web interface and command line are no part of Weir",
}


def message(name: str) -> str:
    """What an error says of the absent `name`, a full dotted name."""
    prefix = name
    while prefix not in REASONS:
        prefix = prefix.rpartition(".")[0] or ROOT
    return f"{name} is not available in Weir's stand-in for mitmproxy: {REASONS[prefix]}"


def _getter(module: str):
    def __getattr__(name: str):
        # Within mitmproxy all modules are loaded: `import mitmproxy` is enough to say `mitmproxy.http`.
        path = vars(sys.modules[module]).get("__path__")
        if path and PathFinder.find_spec(f"{module}.{name}", path):
            return importlib.import_module(f"{module}.{name}")
        text = message(f"{module}.{name}")
        frame = sys._getframe(1)
        # `from module import name` would put a text of its own in the place of an AttributeError's.
        if frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"] and not name.startswith("__"):
            raise ImportError(text, name=f"{module}.{name}")
        raise AttributeError(text, name=name, obj=sys.modules.get(module))

    return __getattr__


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        module.__dict__.setdefault("__getattr__", _getter(module.__name__))


class Finder:
    """Finds the stand-in's modules, and raises for any other below its root."""

    @staticmethod
    def find_spec(name: str, path=None, target=None) -> ModuleSpec | None:
        if not name.startswith(f"{ROOT}."):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None:
            raise ModuleNotFoundError(message(name), name=name)
        if isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def install() -> None:
    if not any(isinstance(finder, type) and finder.__module__ == __name__ for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder)
    sys.modules[ROOT].__getattr__ = _getter(ROOT)  # type: ignore[method-assign]
