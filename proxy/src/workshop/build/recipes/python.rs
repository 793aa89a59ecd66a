//! Python, by componentize-py.

use crate::workshop::build::recipe::{Recipe, Step, Tool, Way};

/// In an environment of the project's own. A build takes half a minute: the interpreter is started, and frozen with the
/// module in it.
pub(super) const RECIPE: Recipe = Recipe {
    language: "python",
    told_by: "pyproject.toml",
    files: &["pyproject.toml"],
    marked: None,
    ways: &[Way {
        name: "componentize-py",
        tools: &[Tool {
            program: "python3",
            check: &["-c", "import venv, ensurepip"],
            says: "",
            get: "Get Python 3.10 or later with venv, on Debian: apt-get install python3-venv",
        }],
        steps: &[
            Step { command: &["python3", "-m", "venv", ".venv"], env: &[], unless: Some(".venv/bin/python") },
            Step {
                command: &[".venv/bin/python", "-m", "pip", "install", "--quiet", "--requirement", "requirements.txt"],
                env: &[],
                unless: Some(".venv/bin/componentize-py"),
            },
            Step {
                command: &[".venv/bin/python", "-m", "belay_filter.build", "build/filter.wasm"],
                env: &[],
                unless: None,
            },
        ],
        made: "build/filter.wasm",
    }],
};
