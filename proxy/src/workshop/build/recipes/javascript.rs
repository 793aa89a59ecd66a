//! JavaScript and TypeScript, by componentize-qjs.

use crate::workshop::build::recipe::{Recipe, Step, Tool, Way};

/// The project's own script bundles and componentizes, with the tools that its `package.json` names.
pub(super) const RECIPE: Recipe = Recipe {
    language: "javascript",
    told_by: "package.json, with componentize-qjs in it",
    files: &["package.json"],
    marked: Some(("package.json", "\"componentize-qjs\"")),
    ways: &[Way {
        name: "componentize-qjs",
        tools: &[NPM],
        steps: &[INSTALL, Step { command: &["npm", "run", "--silent", "build"], env: &[], unless: None }],
        made: "build/*.wasm",
    }],
};

/// What npm projects are built with.
pub(super) const NPM: Tool = Tool {
    program: "npm",
    check: &["--version"],
    says: "",
    get: "Get Node.js 20 or later, from https://nodejs.org or your distribution",
};

/// What `package.json` names, once.
pub(super) const INSTALL: Step = Step {
    command: &["npm", "install", "--silent", "--no-audit", "--no-fund"],
    env: &[],
    unless: Some("node_modules"),
};
