"""`python -m belay_filter.build OUTPUT.wasm`: makes a component of the module that pyproject.toml names under `tool.belay`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python -m belay_filter.build OUTPUT.wasm", file=sys.stderr)
        return 2
    output = Path(sys.argv[1])
    # Python 3.10 reads no TOML; one line is all that is wanted.
    module = re.search(r'^module = "([\w.]+)"$', Path("pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    if module is None:
        print('pyproject.toml does not say what is to be built: [tool.belay] module = "my_filter"', file=sys.stderr)
        return 1
    beside = Path(sys.executable).with_name("componentize-py")
    tool = str(beside) if beside.exists() else shutil.which("componentize-py")
    if tool is None:
        print("componentize-py is not there: pip install componentize-py", file=sys.stderr)
        return 1
    package = Path(__file__).resolve().parent
    # Beside this package in a project, beside the languages' folders in Belay's repository.
    wit = next(folder for folder in (package.parent / "wit", package.parent.parent / "wit") if folder.is_dir())
    # A copy, as the interpreter inside writes what it has compiled beside what it reads; and without what is for tests.
    staged = output.parent / "sdk" / package.name
    shutil.rmtree(staged, ignore_errors=True)
    shutil.copytree(package, staged, ignore=shutil.ignore_patterns("__pycache__", "_fake", "testing"))
    command = [tool, "-q", "-d", str(wit), "-w", "stateful-filter", "componentize", "-s", module[1]]
    command += ["-p", str(staged.parent), "-p", ".", "-o", str(output)]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
