//! The files under `tests/files`: good ones are read, each bad one is a kind of mistake and says what the text beside it
//! says. `BELAY_BLESS=1 cargo test -p belay config` writes what is made: those texts, the schema, and the reference in
//! docs/configuration.md.

mod defaults;
mod good;
mod mutations;
mod reference;

use std::path::{Path, PathBuf};

use super::*;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/files").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Compares with a file of the repository, or writes it.
fn is_current(path: &Path, made: &str) -> Result<(), String> {
    if std::env::var_os("BELAY_BLESS").is_some() {
        std::fs::write(path, made).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    if there == made {
        return Ok(());
    }
    let line = made.lines().zip(there.lines()).take_while(|(made, there)| made == there).count() + 1;
    Err(format!(
        "{} differs from what is made now, from line {line} on; look at the difference after \
         BELAY_BLESS=1 cargo test -p belay config\n{made}",
        path.display()
    ))
}

#[test]
fn every_mistake_is_said_as_it_was_agreed() {
    let mut wrong = Vec::new();
    for path in files("bad") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = read(&path);
        let mut mistakes = match parse(&text, &path) {
            Ok(_) => panic!("{name} has no mistake"),
            Err(mistakes) => mistakes,
        };
        mistakes.origin = name;
        wrong.extend(is_current(&path.with_extension("txt"), &mistakes.to_string()).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ten_mistakes_are_said_at_once() {
    let path = files("bad").into_iter().find(|path| path.ends_with("ten_at_once.yaml")).unwrap();
    let mistakes = parse(&read(&path), &path).unwrap_err();
    assert_eq!(mistakes.list().len(), 10, "{mistakes}");
    assert!(mistakes.list().iter().all(|mistake| mistake.place.is_some() && !mistake.path.is_empty()));
}

#[test]
fn a_file_that_is_not_there_is_said_to_be_missing() {
    let mistakes = load(Path::new("/nowhere/belay.yaml")).unwrap_err();
    assert!(mistakes.to_string().contains("cannot read the file: No such file"), "{mistakes}");
    assert!(mistakes.to_string().contains("--> /nowhere/belay.yaml"), "{mistakes}");
}

#[test]
fn a_file_that_is_not_text_is_refused() {
    let path = std::env::temp_dir().join(format!("belay-not-text-{}.yaml", std::process::id()));
    std::fs::write(&path, b"listeners:\n  - address: \xff\xfe\n").unwrap();
    let mistakes = load(&path).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert!(mistakes.to_string().contains("not UTF-8, from line 2 on"), "{mistakes}");
}

#[test]
fn colours_are_for_terminals_only() {
    let mistakes = parse("listeners: 5", Path::new("a.yaml")).unwrap_err();
    assert!(mistakes.render(Colour::Ansi).contains("\x1b[1;31merror\x1b[0m"));
    assert!(!mistakes.render(Colour::Plain).contains('\x1b'));
}

#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("belay.schema.json");
    is_current(&path, &format!("{:#}\n", schema())).unwrap();
}
