"""Help, completion and suggestions: what a user meets who does not know the command."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from na64ana.cli.main import cli
from na64ana.cli.steps import STEPS, StepGroup


def verbs(group: click.Group = cli, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield all commands, those of groups too, by what is typed."""
    for name, command in group.commands.items():
        yield f"{above}{name}", command
        if isinstance(command, click.Group):
            yield from verbs(command, f"{above}{name} ")


VERBS = dict(verbs())


def listed(out: str) -> dict[str, list[str]]:
    """Return the verbs of each section of the help."""
    found: dict[str, list[str]] = {}
    step = ""
    for line in out.splitlines():
        if match := re.fullmatch(r"(\w+):", line):
            step = match[1]
        elif (match := re.match(r"  (\w+) {2,}\S", line)) and step:
            found.setdefault(step, []).append(match[1])
    return found


def test_verbs_are_listed_by_step_and_none_is_lost(run):
    code, out, _ = run("--help")
    assert code == 0
    found = listed(out)
    assert found["Data"] == ["simulate", "inspect", "datasets", "process", "skim"]
    assert found["Analysis"] == ["cutflow", "background", "yields", "optimize"]
    assert found["Limits"][:3] == ["limits", "toys", "check"]
    assert found["Other"][:2] == ["config", "info"]
    assert sorted(name for step in STEPS for name in found[step]) == sorted(cli.commands)


def test_a_verb_of_no_step_comes_last():
    group = StepGroup("x", commands=[click.Command("limits"), click.Command("new", help="New.")])
    with click.Context(group) as context:
        out = group.get_help(context)
    assert listed(out)["Other"] == ["new"]


def test_the_line_of_each_verb_fits(run, monkeypatch):
    """On a terminal of 80 columns no line is cut, and none takes a second one."""
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run("--help")
    lines = out[out.index("Data:") :].splitlines()
    cut = [line for line in lines if line.endswith("...") or line.startswith("    ")]
    assert not cut, "shorten the first sentence of the help"


@pytest.mark.parametrize("verb", VERBS)
def test_examples_can_be_typed(run, verb):
    """Each verb has an example, a line each, and the parser takes what stands there."""
    code, out, _ = run(*verb.split(), "--help")
    assert code == 0
    assert "\\b" not in out
    assert re.search(r"^  Examples?:$", out, re.MULTILINE)
    examples = re.findall(r"^    (na64ana .*)$", out, re.MULTILINE)
    assert any(f"{one} ".startswith(f"na64ana {verb} ") for one in examples)
    for example in examples:
        command: click.Command = cli
        name, *words = shlex.split(example)
        context = command.make_context(name, words)
        while isinstance(command, click.Group):
            name, following, words = command.resolve_command(
                context, [*context._protected_args, *context.args]
            )
            assert following is not None
            command = following
            context = command.make_context(name, words, parent=context)


def test_the_help_of_every_verb_is_light():
    """In a process of its own: none of the heavy packages is imported for any help."""
    code = (
        "import sys, click\n"
        "from na64ana.cli.main import cli\n"
        "def walk(group, above):\n"
        "    for name, command in group.commands.items():\n"
        "        context = click.Context(command, info_name=name, parent=above)\n"
        "        print(len(command.get_help(context)))\n"
        "        if isinstance(command, click.Group): walk(command, context)\n"
        "walk(cli, click.Context(cli, info_name='na64ana'))\n"
        "heavy = {'coffea', 'pyhf', 'matplotlib', 'numpy', 'pydantic', 'rich', 'yaml'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == len(VERBS)


#: They print no result, or their result is a file.
WITHOUT_JSON = {"simulate", "interpret", "report", "export", "config template", "config schema"}


@pytest.mark.parametrize("verb", [name for name in VERBS if name not in WITHOUT_JSON])
def test_every_verb_that_prints_a_result_has_json(verb):
    command = VERBS[verb]
    if not isinstance(command, click.Group):
        (option,) = [one for one in command.params if one.name == "as_json"]
        assert option.opts == ["--json"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("limit",), 2, "Did you mean 'limits'?"),
        (("config", "tmplate"), 2, "Did you mean 'template'?"),
        (("process", "--procesor", "x"), 2, "Did you mean '--processor'?"),
        (("process", "--processor", "invisble"), 1, "did you mean 'invisible'? Shipped: calibr"),
        (("process", "--site", "slurmy"), 1, "did you mean 'slurm'? Allowed: here"),
        (("inspect", "x.root", "--map", "na64_2019"), 1, "did you mean 'na64_2018'? Shipped:"),
    ],
)
def test_misspelt_names_are_suggested(run, arguments, code, said):
    found, out, err = run(*arguments)
    assert found == code
    assert said in " ".join(err.split())
    assert out == ""


COMPLETION = """
eval "$(_NA64ANA_COMPLETE=bash_source na64ana)"
complete -p na64ana >&2
COMP_WORDS=(na64ana {words}); COMP_CWORD={place}
_na64ana_completion na64ana
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("li", ["limits"]),
        ("datasets ch", ["check"]),
        ("limits --publ", ["--published"]),
        ("yields --mediator ''", ["V", "A", "S", "P"]),
    ],
)
def test_completion_in_bash(words, found):
    """What the README says, in a real bash."""
    script = COMPLETION.format(words=words, place=len(shlex.split(words)))
    path = f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH\n"
    done = subprocess.run(
        ["bash", "--norc", "-c", path + script], capture_output=True, text=True, check=False
    )
    assert "_na64ana_completion" in done.stderr
    assert done.stdout.split() == found, done.stderr


def test_info(run, cache):
    (cache / "kept.bin").write_bytes(b"0" * 1000)
    code, out, err = run("info", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["cache"] == str(cache)
    assert found["cache_bytes"] >= 1000
    assert found["cache_files"] >= 1
    assert found["cores"] >= 1
    assert {"python", "na64ana", "numpy", "pyhf"} <= set(found["versions"])
    assert set(found["extras"]) == {"cluster", "xrootd"}
    assert Path(found["config"]).name == "datasets.yaml"
    assert all(Path(one).is_file() for one in [found["config"], *found["processors"].values()])
    code, out, _ = run("info")
    assert code == 0
    assert str(cache) in out
    assert found["versions"]["coffea"] in out
