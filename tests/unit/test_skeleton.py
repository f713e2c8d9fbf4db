"""What surrounds the package says what is true of it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from maintainer.policies import load, load_text

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
POLICIES = sorted((ROOT / "policies").glob("*.yaml"))
MODULE_OF = {"pyyaml": "yaml", "scikit-learn": "sklearn"}  # where the name of a package is not the name of its module
MACHINE_PATH = re.compile(r"(?<![\w.:/~-])/(?:tmp|root|work|farm|home)/[A-Za-z]")
INDEX_SETTING = re.compile(
    r"--(?:extra-)?index-url[ =]https?:|--find-links|//[^/\s]*(?:pypi|pythonhosted|registry)\.\w"
)


def tracked() -> list[Path]:
    """Return the text files of the project: those that git knows or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / line for line in done.stdout.splitlines()]
    return [p for p in paths if p.is_file() and p.suffix != ".parquet" and p != Path(__file__)]


def direct() -> dict[str, set[str]]:
    """Return the names of the direct dependencies: to run, of the extras, and to develop."""
    project = PROJECT["project"]
    extras = [word for name, words in project["optional-dependencies"].items() if name != "dev" for word in words]
    groups = {"run": project["dependencies"], "extras": extras, "dev": project["optional-dependencies"]["dev"]}
    return {group: {re.split(r"[<>=\[ ]", wanted)[0] for wanted in found} for group, found in groups.items()}


def test_the_readme_has_a_line_for_each_folder_and_module_of_the_package() -> None:
    package = ROOT / "maintainer"
    folders = {f"maintainer/{p.parent.name}/" for p in package.glob("*/__init__.py")}
    modules = {f"maintainer/{p.name}" for p in package.glob("*.py") if not p.name.startswith("__")}
    listed = set(re.findall(r"^\| `(maintainer/[\w./]+)` \|", README, re.MULTILINE))
    assert listed == folders | modules


def test_the_readme_has_a_line_for_each_folder_of_the_top_level() -> None:
    folders = {p.relative_to(ROOT).parts[0] for p in tracked() if len(p.relative_to(ROOT).parts) > 1}
    wanted = {f for f in folders if not f.startswith(".")} - {"maintainer"}
    assert wanted <= set(re.findall(r"^\| `(\w+)/` \|", README, re.MULTILINE))


def test_the_first_policy_of_the_readme_is_valid_and_short() -> None:
    found = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert len(found) == 1
    assert load_text(found[0], "README.md").model == "my-model"
    assert len(found[0].splitlines()) == 10


def test_every_command_of_the_readme_exists() -> None:
    from maintainer.cli.app import add_commands, app

    add_commands()
    known = {c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands}
    known |= {group.name for group in app.registered_groups}
    shown = set(re.findall(r"^(?:MAINTAINER_\S+ )*maintainer ([a-z-]+)", README, re.MULTILINE))
    assert shown and shown <= known


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_every_shipped_policy_is_valid(path: Path) -> None:
    assert load(path).version == 1


def test_a_template_and_the_policy_of_the_demo_are_shipped() -> None:
    assert {"template", "bike-sharing"} <= {path.stem for path in POLICIES}


def test_the_changelog_speaks_of_the_version() -> None:
    from maintainer import __version__

    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_no_file_names_a_path_of_a_machine() -> None:
    found = [f"{p.relative_to(ROOT)}: {m.group()}" for p in tracked() for m in MACHINE_PATH.finditer(_text(p))]
    assert not found


def test_no_file_names_a_package_registry() -> None:
    found = [f"{p.relative_to(ROOT)}: {m.group()}" for p in tracked() for m in INDEX_SETTING.finditer(_text(p))]
    assert not found


def test_every_import_of_the_package_is_a_declared_dependency() -> None:
    declared = {MODULE_OF.get(name, name.replace("-", "_")) for name in direct()["run"] | direct()["extras"]}
    known = declared | set(sys.stdlib_module_names) | {"maintainer", "pydantic_core"}
    files = (ROOT / "maintainer").rglob("*.py")
    missing = {f"{p.relative_to(ROOT)}: {name}" for p in files for name in _imports(p) if name not in known}
    assert not missing


def test_the_page_about_dependencies_names_each_with_its_range() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    project = PROJECT["project"]
    groups = project["optional-dependencies"]
    wanted = {*project["dependencies"], *(word for words in groups.values() for word in words)}
    rows = {"".join(row) for row in re.findall(r"^\|(?: `\w+` \|)? ([\w-]+) \| ([<>=.,\d]+) \|", page, re.MULTILINE)}
    assert rows == wanted


def test_the_constraints_pin_each_dependency_within_its_range() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    groups = direct()
    assert groups["run"] | groups["extras"] | groups["dev"] <= pinned.keys()


def test_every_link_of_the_documents_leads_somewhere() -> None:
    pages = [p for p in tracked() if p.suffix == ".md"]
    assert ROOT / "README.md" in pages
    for page in pages:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", _text(page)):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def test_decisions_are_numbered_without_a_gap_and_have_the_three_parts() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(p.name[:4]) for p in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        heads = re.findall(r"^(?:## |\*\*)(Context|Decision|Consequences)", _text(page), re.MULTILINE)
        assert heads == ["Context", "Decision", "Consequences"], page.name


def test_a_wheel_carries_the_policies_under_the_name_that_is_looked_for() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"policies": "maintainer/shipped_policies"}
    assert "shipped_policies" in _text(ROOT / "maintainer" / "shipped.py")
    assert all(yaml.safe_load(_text(path)) for path in POLICIES)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("given", [(), ("OUT=precious",)], ids=["in the environment", "on the command line"])
def test_the_demo_deletes_no_folder_but_its_own(given: tuple[str, ...]) -> None:
    asked = ["make", "--dry-run", "demo", *given]
    around = {**os.environ, "OUT": "precious"}
    done = subprocess.run(asked, cwd=ROOT, env=around, capture_output=True, text=True, check=True)
    deleting = [line for line in done.stdout.splitlines() if "rm -rf" in line]
    assert deleting and all(line.endswith("rm -rf demo-out") for line in deleting)
    assert ("precious" in done.stdout) == bool(given)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(_text(path))):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found
