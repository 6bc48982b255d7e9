"""SIGHUP: the configuration is read again, and addons are loaded anew."""

import signal

import pytest

from support.origin import OK, answering
from support.proxy import eventually


class Configured:
    """A reverse proxy whose option keep_host_header shows in what its server gets."""

    def __init__(self, weir, origin, folder, own_authority, text: str, *arguments: str, **options):
        self.server = origin(answering(OK))
        self.file = folder / "confdir" / "config.yaml"
        self.file.parent.mkdir()
        for path in own_authority.iterdir():
            if path.is_file():
                (self.file.parent / path.name).write_bytes(path.read_bytes())
        self.file.write_text(text)
        modes = [f"reverse:http://{self.server.authority}"]
        self.proxy = weir(*arguments, modes=modes, confdir=self.file.parent, **options)

    @property
    def keeps_host(self) -> bool:
        with self.proxy.connect() as wire:
            wire.send(b"GET / HTTP/1.1\r\nHost: as.sent\r\nConnection: close\r\n\r\n")
            wire.response()
        return self.server.received[-1].one("host") == b"as.sent"

    def reload(self, text: str) -> str:
        """What is logged while the file with that text is followed."""
        self.file.write_text(text)
        begin = len(self.proxy.log)
        self.proxy.process.send_signal(signal.SIGHUP)
        eventually(lambda: "reload: done" in self.proxy.log[begin:], 10, "the reload")
        return self.proxy.log[begin:]


@pytest.fixture
def configured(weir, origin, tmp_path, own_authority):
    return lambda text, *arguments, **options: Configured(weir, origin, tmp_path, own_authority, text, *arguments, **options)


def test_a_value_is_followed_and_taken_back(configured):
    one = configured("")
    assert not one.keeps_host
    assert "reload: keep_host_header=true\n" in one.reload("keep_host_header: true\n")
    assert one.keeps_host
    assert "keep_host_header" not in one.reload("# the same\nkeep_host_header: true\n")
    assert "reload: keep_host_header=false\n" in one.reload("")
    assert not one.keeps_host


@pytest.mark.parametrize(
    "text, finding",
    [
        ("keep_host_header: 3\n", r"option keep_host_header: expected bool, found an integer, 3; its value stays"),
        ("keep_host_header: [\n", r"all values stay"),
        ("no_such_option: 1\nkeep_host_header: true\n", r"no_such_option is read at start"),
        ("threads: 2\nkeep_host_header: true\n", r"threads is read at start: start the proxy anew, or upgrade it with SIGUSR2"),
    ],
)
def test_what_cannot_be_followed_is_told_again_and_again_and_changes_nothing(configured, text, finding):
    one = configured("keep_host_header: true\n")
    for _ in range(2):
        assert finding in one.reload(text)
        assert one.keeps_host


def test_the_command_line_has_the_last_word(configured):
    one = configured("", "--set", "keep_host_header=false")
    one.reload("keep_host_header: true\n")
    assert not one.keeps_host


def test_addons_hear_of_new_values_and_are_loaded_anew(configured, addon):
    script = addon(["request", "configure"])
    one = configured("", addons=[script])
    before = script.pids("configure")
    one.reload("keep_host_header: true\n")
    told = [message["params"] for message in script.messages("configure")]
    assert any(event["updated"] == ["keep_host_header"] and event["options"]["keep_host_header"] for event in told)
    assert one.keeps_host
    assert script.pids("request")[-1] not in before


def test_an_addon_may_refuse_a_value(configured, addon):
    code = """
@worker.on("configure")
def judge(message):
    if message["params"]["options"]["keep_host_header"]:
        raise Failure(-32000, "never")
"""
    one = configured("", addons=[addon(["request", "configure"], code)])
    assert "never" in one.reload("keep_host_header: true\n")
    assert not one.keeps_host


def test_an_addon_that_cannot_be_loaded_anew_goes_on(configured, addon):
    script = addon(["request"])
    one = configured("", "--set", "addon_watch=false", addons=[script])
    script.script.write_text("raise SystemExit('broken')\n" + script.script.read_text())
    assert "it stays as it was" in one.reload("")
    assert not one.keeps_host
    assert len(script.wait("request")) == 1
