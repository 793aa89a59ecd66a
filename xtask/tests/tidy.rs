//! What is always true of the sources, and no compiler checks.

use std::fs;
use std::path::{Path, PathBuf};

/// A longer file has a seam in it that was not found yet.
const LINES_MAX: usize = 500;
/// Folders of others.
const NOT_OURS: [&str; 7] = ["target", ".git", "node_modules", ".venv", "corpus", "artifacts", "generated"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All our files with one of these extensions, with their text.
fn files(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !NOT_OURS.iter().any(|name| entry.file_name() == **name) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|it| extensions.iter().any(|wanted| it == *wanted)) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_source_file_opens_by_saying_what_it_is_for() {
    let silent = files(&["rs"]).into_iter().filter(|(_, text)| !text.starts_with("//! "));
    none(silent.map(|(path, _)| format!("{}: does not open with //!", path.display())).collect());
}

#[test]
fn no_source_file_is_too_long() {
    let long = files(&["rs"]).into_iter().filter(|(_, text)| text.lines().count() > LINES_MAX);
    none(long.map(|(path, _)| format!("{}: more than {LINES_MAX} lines", path.display())).collect());
}

#[test]
fn nothing_is_left_to_do_or_switched_off() {
    // Written so that this file does not find itself.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("#[", "ignore")];
    none(mentions(&files(&["rs", "toml", "wit", "html", "cjs", "sh"]), &marks));
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let marks = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/")];
    none(mentions(&files(&["rs", "toml", "wit", "html", "cjs", "sh", "md", "yaml", "yml", "json", "py"]), &marks));
}

#[test]
fn the_data_path_knows_nothing_of_yaml_wasmtime_or_exporters() {
    let data_path: Vec<_> =
        files(&["rs"]).into_iter().filter(|(path, _)| path.starts_with("proxy/src/dataplane")).collect();
    let strangers = [
        "serde_yaml::",
        "saphyr_parser::",
        "wasmtime::",
        "opentelemetry::",
        "opentelemetry_otlp::",
        "opentelemetry_sdk::",
        "crate::config",
        "crate::wasm",
        "crate::telemetry",
        "crate::admin",
    ];
    none(mentions(&data_path, &strangers));
}

fn mentions(files: &[(PathBuf, String)], marks: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, text) in files {
        for (number, line) in text.lines().enumerate() {
            for mark in marks.iter().filter(|mark| line.contains(**mark)) {
                faults.push(format!("{}:{}: {mark}", path.display(), number + 1));
            }
        }
    }
    faults
}

#[test]
fn every_link_between_our_pages_leads_somewhere() {
    let mut faults = Vec::new();
    for (page, text) in files(&["md"]) {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            let elsewhere = file.is_empty() || file.contains("://") || file.contains(' ');
            if !elsewhere && !root().join(&page).parent().unwrap().join(file).exists() {
                faults.push(format!("{}: {link}", page.display()));
            }
        }
    }
    none(faults);
}

#[test]
fn the_architecture_page_names_only_files_that_are_there() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let quoted = page.split('`').skip(1).step_by(2);
    let named = quoted.filter(|name| {
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        plain && (name.ends_with('/') || [".rs", ".md", ".wit", ".toml", ".yaml"].iter().any(|end| name.ends_with(end)))
    });
    let gone = named.filter(|name| !root().join(name).exists());
    none(gone.map(|name| format!("ARCHITECTURE.md: {name}")).collect());
}
