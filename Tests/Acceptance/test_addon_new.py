"""`weir addon new`: what it writes works on the first run, in every language that has a template."""

import subprocess
from pathlib import Path

import pytest

from support.origin import OK, answering
from support.proxy import BINARY

EXAMPLES = Path(__file__).parents[2] / "addon-examples"
LANGUAGES = sorted(folder.parent.name for folder in EXAMPLES.glob("*/new"))


def new(folder, *words):
    return subprocess.run([BINARY, "addon", "new", *words], cwd=folder, capture_output=True, text=True, timeout=20)


def test_without_arguments_it_lists_the_languages(tmp_path):
    done = new(tmp_path)
    assert (done.returncode, done.stdout.split()) == (0, LANGUAGES), done.stderr


@pytest.mark.parametrize("name", ["", "9lives", "a/b", "..", "a b", "-x", "x" * 41, "\u00e4"])
def test_a_bad_name_is_refused(tmp_path, name):
    if not LANGUAGES:
        return
    done = new(tmp_path, LANGUAGES[0], "--", name)
    assert done.returncode == 2 and list(tmp_path.iterdir()) == [], done


def test_an_unknown_language_is_refused_with_those_that_there_are(tmp_path):
    done = new(tmp_path, "cobol", "thing")
    assert done.returncode == 2 and list(tmp_path.iterdir()) == []
    assert f"expected a language ({', '.join(LANGUAGES)}), found 'cobol'" in done.stderr


@pytest.mark.seconds(180)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_new_addon_works_on_the_first_run(weir, origin, tmp_path, language):
    done = new(tmp_path, language, "my-thing")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "my-thing"
    again = new(tmp_path, language, "my-thing")
    assert again.returncode == 1 and "folder 'my-thing': it is there already" in again.stderr
    assert not any("NAME" in path.name or path.name == "RUN" for path in folder.rglob("*"))
    readme = folder / "README.md"
    assert len(readme.read_text().splitlines()) <= 24, "it fits a screen"
    for command in done.stdout.splitlines():
        words = command.replace("weir ", f"{BINARY} ", 1).split() if command.startswith("weir ") else [str(tmp_path / command)]
        if words[1:2] == ["--addon"]:
            break
        ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=150)
        assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
    server = origin(answering(OK))
    proxy = weir("--addon", str(tmp_path / words[2]), level="confined")
    headers = dict(proxy.get(server.url()).headers)
    assert headers.get(b"x-my-thing") == b"1", proxy.log
