//! `belay check` and `belay schema` as a user meets them, and the schema held against a validator that others wrote.
#![allow(clippy::unwrap_used, reason = "what cannot be done fails its test")]

mod common;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{scratch, tools};

fn belay(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_belay")).args(arguments).output().unwrap()
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/files").join(name)
}

/// With filters that are compiled and given their config, which those of the good files are not.
fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/chat/belay.yaml")
}

#[test]
fn a_good_file_is_ok() {
    let output = belay(&["check", example().to_str().unwrap()]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ok: 1 listener, 2 routes, 3 filters\n");
}

#[test]
fn a_file_can_come_by_standard_input() {
    for (file, code) in [(folder("good/minimal.yaml"), 0), (folder("bad/ten_at_once.yaml"), 1)] {
        let mut check = Command::new(env!("CARGO_BIN_EXE_belay"));
        check.args(["check", "-"]).current_dir(file.parent().unwrap()).stdin(File::open(&file).unwrap());
        let output = check.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert_eq!(said.contains("standard input: 10 mistakes"), code == 1, "{said}");
    }
}

#[test]
fn the_chart_s_own_configuration_is_ok() {
    let values = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("charts/belay/values.yaml");
    let values: serde_yaml::Value = serde_yaml::from_slice(&std::fs::read(values).unwrap()).unwrap();
    let file = scratch("chart").join("belay.yaml");
    std::fs::write(&file, serde_yaml::to_string(&values["config"]).unwrap()).unwrap();
    let output = belay(&["check", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn mistakes_end_with_1_and_go_to_standard_error() {
    for command in ["check", "run"] {
        let output = belay(&[command, folder("bad/ten_at_once.yaml").to_str().unwrap()]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{errors}");
        assert!(errors.ends_with("ten_at_once.yaml: 10 mistakes\n"), "{errors}");
        assert!(!errors.contains('\x1b'), "colours in a pipe: {errors}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [&["chek"][..], &["check"], &[], &["schema", "more"]] {
        assert_eq!(belay(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn the_schema_that_is_printed_is_the_one_that_is_committed() {
    let committed = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("belay.schema.json")).unwrap();
    assert_eq!(belay(&["schema"]).stdout, committed);
}

/// Reads the schema and the files that it is given; says which files do not fit. The files are JSON, as YAML includes it.
const VALIDATE: &str = r#"
import json, sys
from jsonschema import Draft202012Validator
with open(sys.argv[1]) as schema:
    schema = json.load(schema)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
for path in sys.argv[2:]:
    with open(path) as file:
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.load(file))]
    print(path, *errors, sep="\t")
"#;

#[test]
fn an_independent_validator_agrees_with_the_schema() {
    let Some(python) = tools::python("an_independent_validator_agrees_with_the_schema", &["jsonschema"]) else {
        return;
    };
    let scratch = scratch("schema");
    let script = scratch.join("validate.py");
    std::fs::write(&script, VALIDATE).unwrap();
    let good: Vec<PathBuf> =
        std::fs::read_dir(folder("good")).unwrap().map(|entry| entry.unwrap().path()).chain([example()]).collect();
    // Mistakes that a schema can know of; in the others only the whole file is wrong.
    let bad =
        ["unknown_field", "missing_fields", "wrong_types", "words", "numbers", "empty_lists", "close_codes", "sizes"];
    let bad = bad.iter().map(|name| folder("bad").join(format!("{name}.yaml")));
    let files: Vec<PathBuf> = good.iter().cloned().chain(bad).map(|yaml| as_json(&yaml, &scratch)).collect();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("belay.schema.json");
    let output = Command::new(python).arg(script).arg(schema).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers = String::from_utf8(output.stdout).unwrap();
    for (index, answer) in answers.lines().enumerate() {
        assert_eq!(answer.contains('\t'), index >= good.len(), "{answer}");
    }
    assert_eq!(answers.lines().count(), good.len() + 8);
}

/// Anchors and merge keys are YAML's, so they are resolved first.
fn as_json(yaml: &Path, scratch: &Path) -> PathBuf {
    let text = std::fs::read_to_string(yaml).unwrap();
    let mut value: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    value.apply_merge().unwrap();
    let json = scratch.join(yaml.with_extension("json").file_name().unwrap());
    std::fs::write(&json, serde_json::to_string(&value).unwrap()).unwrap();
    json
}
