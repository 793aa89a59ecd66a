//! What a language's toolchain is called with: plain data, and how it is done.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How projects of a language are built.
pub(super) struct Recipe {
    /// As `new --lang` has it.
    pub(super) language: &'static str,
    /// What tells a project of it, in words.
    pub(super) told_by: &'static str,
    /// All of these are in its folder.
    pub(super) files: &'static [&'static str],
    /// One of its files has this text in it: (file, text). For languages that share a manifest.
    pub(super) marked: Option<(&'static str, &'static str)>,
    /// In order of preference; the first whose tools are there is taken.
    pub(super) ways: &'static [Way],
}

/// One way to build it.
pub(super) struct Way {
    /// What makes it, in words.
    pub(super) name: &'static str,
    /// What must be installed.
    pub(super) tools: &'static [Tool],
    /// What is called, in order, in the project's folder.
    pub(super) steps: &'static [Step],
    /// Where the core module or component comes out, in the project's folder. A `*` stands for any name; the newest counts.
    pub(super) made: &'static str,
}

/// A program that must be installed.
pub(super) struct Tool {
    /// Its name, found by `PATH`; or, with a slash, a path in the project's folder.
    pub(super) program: &'static str,
    /// Arguments with which it ends well if all is there.
    pub(super) check: &'static [&'static str],
    /// A text that it must then have said; empty if any will do.
    pub(super) says: &'static str,
    /// How to get it, a sentence or two.
    pub(super) get: &'static str,
}

/// One call.
pub(super) struct Step {
    /// The program and its arguments.
    pub(super) command: &'static [&'static str],
    /// Set for it.
    pub(super) env: &'static [(&'static str, &'static str)],
    /// It is left out when this is in the project's folder: what installs, once.
    pub(super) unless: Option<&'static str>,
}

impl Recipe {
    /// Whether a folder is a project of this language.
    pub(super) fn is_of(&self, folder: &Path) -> bool {
        let there = self.files.iter().all(|file| folder.join(file).is_file());
        let marked = self.marked.is_none_or(|(file, text)| {
            std::fs::read_to_string(folder.join(file)).is_ok_and(|content| content.contains(text))
        });
        there && marked
    }
}

impl Tool {
    /// Whether it can be called.
    pub(super) fn is_there(&self) -> bool {
        let output = Command::new(self.program).args(self.check).stdin(Stdio::null()).output();
        output
            .is_ok_and(|output| output.status.success() && String::from_utf8_lossy(&output.stdout).contains(self.says))
    }
}

impl Step {
    /// Calls it; what it says goes where ours does.
    pub(super) fn run(&self, folder: &Path, language: &str) -> Result<(), String> {
        if self.unless.is_some_and(|file| folder.join(file).exists()) {
            return Ok(());
        }
        let [program, arguments @ ..] = self.command else { return Ok(()) };
        let called = self.command.join(" ");
        let status = Command::new(program).args(arguments).envs(self.env.iter().copied()).current_dir(folder).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("{language} did not build: `{called}` ended with {status}")),
            Err(error) => Err(format!("{language} did not build: `{called}` cannot be called: {error}")),
        }
    }
}

/// The newest file that a pattern names.
pub(super) fn newest(folder: &Path, pattern: &str) -> Result<PathBuf, String> {
    let pattern = folder.join(pattern);
    let name = pattern.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some((start, end)) = name.split_once('*') else { return Ok(pattern) };
    let parent = pattern.parent().unwrap_or(folder);
    let entries = std::fs::read_dir(parent).map_err(|error| format!("{}: {error}", parent.display()))?;
    let fits = |name: &str| name.starts_with(start) && name.ends_with(end) && name.len() >= start.len() + end.len();
    entries
        .flatten()
        .filter(|entry| fits(&entry.file_name().to_string_lossy()))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .max()
        .map(|(_, path)| path)
        .ok_or_else(|| format!("the build ended well, but there is no {}", pattern.display()))
}
