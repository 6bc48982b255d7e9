"""Options: typed values with names, defaults and listeners."""

from __future__ import annotations

import collections.abc
import contextlib
import copy
import textwrap
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from mitmproxy import exceptions
from mitmproxy.utils import signals, typecheck

unset = object()

_SEQUENCES = (typing.Sequence[str], collections.abc.Sequence[str])


class _Option:
    """One option; `value` is `unset` while it has its default."""

    __slots__ = ("name", "typespec", "value", "_default", "choices", "help")

    def __init__(self, name: str, typespec: Any, default: Any, help: str, choices: Sequence[str] | None) -> None:  # noqa: A002
        typecheck.check_option_type(name, default, typespec)
        self.name = name
        self.typespec = typespec
        self._default = default
        self.value: Any = unset
        self.help = textwrap.dedent(help).strip().replace("\n", " ")
        self.choices = choices

    def __repr__(self) -> str:
        return f"{self.current()} [{self.typespec}]"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Option) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __deepcopy__(self, _: Any) -> _Option:
        other = _Option(self.name, self.typespec, self.default, self.help, self.choices)
        other.value = self.value
        return other

    @property
    def default(self) -> Any:
        return copy.deepcopy(self._default)

    def current(self) -> Any:
        return copy.deepcopy(self._default if self.value is unset else self.value)

    def set(self, value: Any) -> None:
        """TypeError for a value of another type."""
        typecheck.check_option_type(self.name, value, self.typespec)
        self.value = value

    def reset(self) -> None:
        self.value = unset

    def has_changed(self) -> bool:
        return self.current() != self.default

    def parsed(self, values: Sequence[str]) -> Any:
        """What texts mean as this option's value. OptionsError says why they mean nothing."""
        if self.typespec in _SEQUENCES:
            return list(values)
        if len(values) > 1:
            raise exceptions.OptionsError(f"Received multiple values for {self.name}: {list(values)}")
        text = values[0] if values else None
        if self.typespec in (str, typing.Optional[str]):
            if self.typespec is str and text is None:
                raise exceptions.OptionsError(f"Option is required: {self.name}")
            return text
        if self.typespec in (int, typing.Optional[int]):
            if text:
                try:
                    return int(text)
                except ValueError:
                    raise exceptions.OptionsError(f"Not an integer: {text}") from None
            if self.typespec is int:
                raise exceptions.OptionsError(f"Option is required: {self.name}")
            return None
        if self.typespec is bool:
            if text == "toggle":
                return not self.current()
            if text in (None, "", "true"):
                return True
            if text == "false":
                return False
            raise exceptions.OptionsError('Boolean must be "true", "false", or have the value omitted (a synonym for "true").')
        raise NotImplementedError(f"Unsupported option type: {self.typespec}")


class OptManager:
    """Options as attributes. Listeners hear of changes after all of one `update` are made; one that raises OptionsError undoes them."""

    _options: dict[str, _Option]

    def __init__(self) -> None:
        self.__dict__.update(_options={}, _subscriptions=[], deferred={}, changed=signals.SyncSignal(), errored=signals.SyncSignal())
        self.changed.connect(self._tell_subscribers)

    def add_option(
        self,
        name: str,
        typespec: Any,
        default: Any,
        help: str,  # noqa: A002
        choices: Sequence[str] | None = None,
    ) -> None:
        """TypeError for a default of another type. A value that was set before the option was added is taken then."""
        self._options[name] = _Option(name, typespec, default, help, choices)
        self.changed.send(updated={name})

    def __getattr__(self, name: str) -> Any:
        options = self.__dict__.get("_options", {})
        if name in options:
            return options[name].current()
        raise AttributeError(f"No such option: {name}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__ or name in type(self).__dict__:
            super().__setattr__(name, value)
        else:
            self.update(**{name: value})

    def __contains__(self, name: object) -> bool:
        return name in self._options

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OptManager) and self._options == other._options

    __hash__ = object.__hash__

    def __deepcopy__(self, memo: Any = None) -> OptManager:
        other = OptManager()
        other.__dict__["_options"] = copy.deepcopy(self._options)
        return other

    __copy__ = __deepcopy__

    def __repr__(self) -> str:
        lines = "\n".join(f"    {name!r}: {option}," for name, option in self._options.items()).rstrip(",")
        inner = f"{{\n{lines}\n}}" if lines else "{}"
        return f"{type(self).__module__}.{type(self).__name__}({inner})"

    def keys(self) -> set[str]:
        return set(self._options)

    def items(self) -> Iterable[tuple[str, _Option]]:
        return self._options.items()

    def default(self, option: str) -> Any:
        return self._options[option].default

    def has_changed(self, option: str) -> bool:
        """Whether the value is not the default."""
        return self._options[option].has_changed()

    def subscribe(self, func: Callable, opts: Iterable[str]) -> None:
        """`func(options, updated)` after a change of one of the options. OptionsError if one does not exist."""
        wanted = set(opts)
        for name in wanted:
            if name not in self._options:
                raise exceptions.OptionsError(f"No such option: {name}")

        self._subscriptions.append((func, wanted))

    def _tell_subscribers(self, updated: set[str]) -> None:
        for func, wanted in list(self._subscriptions):
            if updated & wanted:
                func(self, updated & wanted)

    @contextlib.contextmanager
    def rollback(self, updated: set[str], reraise: bool = False) -> Iterator[None]:
        """What is raised within brings the old values back, and tells the listeners."""
        old = copy.deepcopy(self._options)
        try:
            yield
        except exceptions.OptionsError as error:
            self.errored.send(exc=error)
            self.__dict__["_options"] = old
            self.changed.send(updated=updated)
            if reraise:
                raise

    def update_known(self, **kwargs: Any) -> dict[str, Any]:
        """Set what exists; returns the rest."""
        known = {name: value for name, value in kwargs.items() if name in self._options}
        updated = set(known)
        if updated:
            with self.rollback(updated, reraise=True):
                for name, value in known.items():
                    self._options[name].set(value)
                self.changed.send(updated=updated)
        return {name: value for name, value in kwargs.items() if name not in known}

    def update_defer(self, **kwargs: Any) -> None:
        """Set what exists, and the rest when it is added."""
        self.deferred.update(self.update_known(**kwargs))

    def update(self, **kwargs: Any) -> None:
        """KeyError for options that do not exist, TypeError for values of another type."""
        unknown = self.update_known(**kwargs)
        if unknown:
            raise KeyError(f"Unknown options: {', '.join(unknown)}")

    def reset(self) -> None:
        """All options to their defaults."""
        for option in self._options.values():
            option.reset()
        self.changed.send(updated=set(self._options))

    def set(self, *specs: str, defer: bool = False) -> None:
        """Set by texts `name=value`, or `name` alone; several of one name make a list. OptionsError says what is wrong."""
        texts: dict[str, list[str]] = {}
        for spec in specs:
            name, equals, value = spec.partition("=")
            texts.setdefault(name, [])
            if equals:
                texts[name].append(value)
        known = {name: self._options[name].parsed(values) for name, values in texts.items() if name in self._options}
        unknown = {name: values for name, values in texts.items() if name not in self._options}
        if unknown and not defer:
            raise exceptions.OptionsError(f"Unknown option(s): {', '.join(unknown)}")
        self.deferred.update({name: _UnconvertedStrings(values) for name, values in unknown.items()})
        self.update(**known)

    def process_deferred(self) -> None:
        """Set what was deferred and exists now."""
        ready = {name: value for name, value in self.deferred.items() if name in self._options}
        for name, value in ready.items():
            ready[name] = self._options[name].parsed(value.val) if isinstance(value, _UnconvertedStrings) else value
        if ready:
            self.update(**ready)
            for name in ready:
                del self.deferred[name]

    def setter(self, attr: str) -> Callable[[Any], None]:
        """A function that sets the option."""
        if attr not in self._options:
            raise KeyError(f"No such option: {attr}")
        return lambda value: setattr(self, attr, value)

    def toggler(self, attr: str) -> Callable[[], None]:
        """A function that turns the option over. ValueError if it is no bool."""
        if attr not in self._options:
            raise KeyError(f"No such option: {attr}")
        if self._options[attr].typespec is not bool:
            raise ValueError("Toggler can only be used with boolean options")
        return lambda: setattr(self, attr, not getattr(self, attr))

    def merge(self, opts: dict[str, Any]) -> None:
        """Set what exists; lists are appended to."""
        merged = {}
        for name, value in opts.items():
            if name in self._options and value is not None:
                merged[name] = [*getattr(self, name), *value] if self._options[name].typespec in _SEQUENCES else value
        self.update(**merged)


class _UnconvertedStrings:
    """Texts for an option whose type is not known yet."""

    def __init__(self, val: list[str]) -> None:
        self.val = val

    def __repr__(self) -> str:
        return f"_UnconvertedStrings(val={self.val!r})"


def dump_dicts(opts: OptManager, keys: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
    """The options as plain values."""
    shown = {}
    for name in sorted(keys if keys is not None else opts.keys()):
        option = opts._options[name]
        shown[name] = {
            "type": typecheck.typespec_to_str(option.typespec),
            "default": option.default,
            "value": option.current(),
            "help": option.help,
            "choices": option.choices,
        }
    return shown
