//! `belay filter new`: a project that builds and tests at once. The templates are in the binary, and with each the SDK that it
//! is written against: a project needs nothing of this repository.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what a command line says, it says there")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use include_dir::{Dir, include_dir};

use super::{FAILED, MISUSED};

/// A language, with what a project of it is made of.
struct Language {
    /// For `--lang`.
    name: &'static str,
    template: Dir<'static>,
    /// Parts of the SDK, and where in the project they go.
    sdk: &'static [(Dir<'static>, &'static str)],
}

/// The world, in every project that is made from it.
static WIT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../sdk/wit");

/// One line a language.
#[rustfmt::skip]
static LANGUAGES: &[Language] = &[
    Language { name: "assemblyscript", template: include_dir!("$CARGO_MANIFEST_DIR/../sdk/assemblyscript/template"), sdk: &[(include_dir!("$CARGO_MANIFEST_DIR/../sdk/assemblyscript/belay-filter"), "belay-filter")] },
    Language { name: "javascript", template: include_dir!("$CARGO_MANIFEST_DIR/../sdk/javascript/template"), sdk: &[(include_dir!("$CARGO_MANIFEST_DIR/../sdk/javascript/belay-filter"), "belay-filter")] },
    Language { name: "python", template: include_dir!("$CARGO_MANIFEST_DIR/../sdk/python/template"), sdk: &[(include_dir!("$CARGO_MANIFEST_DIR/../sdk/python/belay_filter"), "belay_filter")] },
    Language { name: "rust", template: include_dir!("$CARGO_MANIFEST_DIR/../sdk/rust/template"), sdk: &[(include_dir!("$CARGO_MANIFEST_DIR/../sdk/rust/src"), "belay-filter/src")] },
    Language { name: "go", template: include_dir!("$CARGO_MANIFEST_DIR/../sdk/go/template"), sdk: &[(include_dir!("$CARGO_MANIFEST_DIR/../sdk/go/belay"), "sdk/belay"), (include_dir!("$CARGO_MANIFEST_DIR/../sdk/go/belaytest"), "sdk/belaytest"), (include_dir!("$CARGO_MANIFEST_DIR/../sdk/go/internal"), "sdk/internal")] },
    Language { name: "c", template: include_dir!("$CARGO_MANIFEST_DIR/../sdk/c/template"), sdk: &[(include_dir!("$CARGO_MANIFEST_DIR/../sdk/c/belay"), "belay")] },
    Language { name: "cpp", template: include_dir!("$CARGO_MANIFEST_DIR/../sdk/cpp/template"), sdk: &[(include_dir!("$CARGO_MANIFEST_DIR/../sdk/c/belay"), "belay"), (include_dir!("$CARGO_MANIFEST_DIR/../sdk/cpp/belay"), "belay")] },
    Language { name: "zig", template: include_dir!("$CARGO_MANIFEST_DIR/../sdk/zig/template"), sdk: &[(include_dir!("$CARGO_MANIFEST_DIR/../sdk/zig/belay"), "belay")] },
];

/// What a template is called in its own files; its own `_` form where names have no hyphens.
const PLACEHOLDER: &str = "my-filter";
/// Of a project's name.
const NAME_BYTES_MAX: usize = 64;

/// Makes the project's folder in `into`.
pub(super) fn run(language: &str, name: &str, into: &Path) -> ExitCode {
    let Some(found) = LANGUAGES.iter().find(|known| known.name == language) else {
        let known: Vec<&str> = LANGUAGES.iter().map(|language| language.name).collect();
        eprintln!("error: there is no template for '{language}'; known here: {}", known.join(", "));
        return ExitCode::from(MISUSED);
    };
    if let Err(error) = is_name(name) {
        eprintln!("error: '{name}' cannot name a filter: {error}");
        return ExitCode::from(MISUSED);
    }
    let folder = into.join(name);
    match make(found, name, &folder) {
        Ok(()) => {
            println!("{} is there. Next:\n", folder.display());
            println!("    cd {}", folder.display());
            println!("    belay filter build");
            println!("    belay filter test {name}.wasm filter.test.yaml");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}: {error}", folder.display());
            ExitCode::from(FAILED)
        }
    }
}

/// What every language takes for a package's name.
fn is_name(name: &str) -> Result<(), &'static str> {
    let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let ends = name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.ends_with('-');
    match (letters && ends, name.len() <= NAME_BYTES_MAX) {
        (true, true) => Ok(()),
        (false, _) => Err("it takes lower-case letters, digits and '-', and begins with a letter"),
        (true, false) => Err("it has at most 64 letters"),
    }
}

fn make(language: &Language, name: &str, folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        return Err(std::io::Error::other("it is there already"));
    }
    write(&language.template, folder, &|text| {
        text.replace(PLACEHOLDER, name).replace(&PLACEHOLDER.replace('-', "_"), &name.replace('-', "_"))
    })?;
    let as_it_is = |text: &str| text.to_owned();
    for (part, into) in language.sdk {
        write(part, &folder.join(into), &as_it_is)?;
    }
    write(&WIT, &folder.join("wit"), &as_it_is)
}

/// All files of an embedded folder, each text and each file's name changed.
fn write(dir: &Dir<'static>, into: &Path, change: &dyn Fn(&str) -> String) -> std::io::Result<()> {
    std::fs::create_dir_all(into)?;
    for file in dir.files() {
        let name = file.path().file_name().unwrap_or_default().to_string_lossy();
        let path: PathBuf = into.join(change(&name));
        match file.contents_utf8() {
            Some(text) => std::fs::write(path, change(text))?,
            None => std::fs::write(path, file.contents())?,
        }
    }
    // What the interpreter leaves beside what it has run is of no use to anybody.
    for folder in dir.dirs().filter(|folder| !folder.path().ends_with("__pycache__")) {
        let name = folder.path().file_name().unwrap_or_default();
        write(folder, &into.join(name), change)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of a template with its SDK: what a build leaves in a template's folder would be far more.
    const TEMPLATE_BYTES_MAX: usize = 1024 * 1024;

    fn bytes(dir: &Dir<'static>) -> usize {
        dir.files().map(|file| file.contents().len()).sum::<usize>() + dir.dirs().map(bytes).sum::<usize>()
    }

    #[test]
    fn every_template_has_a_script_and_a_readme_and_nothing_that_was_built() {
        for language in LANGUAGES {
            let name = language.name;
            for file in ["filter.test.yaml", "README.md"] {
                assert!(language.template.get_file(file).is_some(), "{name}: {file}");
            }
            let sdk: usize = language.sdk.iter().map(|(part, _)| bytes(part)).sum();
            assert!(bytes(&language.template) + sdk < TEMPLATE_BYTES_MAX, "{name}");
        }
    }

    #[test]
    fn every_templates_script_is_a_script() {
        for language in LANGUAGES {
            let script = language.template.get_file("filter.test.yaml").and_then(|file| file.contents_utf8()).unwrap();
            if let Err(mistakes) = crate::config::parse_script(script, Path::new("filter.test.yaml")) {
                panic!("{}: {mistakes}", language.name);
            }
        }
    }

    #[test]
    fn names_that_some_language_would_not_take_are_refused() {
        assert_eq!(is_name("word-guard2"), Ok(()));
        for name in ["", "2go", "Guard", "word_guard", "guard-", "../guard", &"x".repeat(65)] {
            assert!(is_name(name).is_err(), "{name}");
        }
    }
}
