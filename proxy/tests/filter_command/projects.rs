//! `belay filter new`, `build`, `inspect` and `bench`.

use std::process::Command;

use crate::common::tools;
use crate::guest::Guest;
use crate::{Said, belay_filter, folder_of};

/// Whether this machine's Rust compiles for what filters are.
fn rust_for_wasm(test: &str) -> bool {
    let arguments = ["--print", "target-libdir", "--target", "wasm32-unknown-unknown"];
    let output = Command::new("rustc").args(arguments).output();
    let folder = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let there = !folder.is_empty() && std::path::Path::new(&folder).exists();
    if !there {
        tools::not_run(test, "Rust's target wasm32-unknown-unknown is not installed");
    }
    there
}

#[test]
fn a_new_project_in_rust_builds_and_passes_its_script() {
    if !rust_for_wasm("a_new_project_in_rust_builds_and_passes_its_script") {
        return;
    }
    let folder = folder_of(&[]);
    let said = belay_filter(&folder, &["new", "--lang", "rust", "shout-less"]);
    assert_eq!((said.code, &*said.err), (Some(0), ""));
    assert!(said.out.contains("belay filter test shout-less.wasm filter.test.yaml"), "{}", said.out);
    let project = folder.join("shout-less");
    let built = belay_filter(&project, &["build"]);
    assert_eq!(built.code, Some(0), "{}{}", built.out, built.err);
    assert!(built.out.contains("belay:filter/host@0.1.0"), "{}", built.out);
    let tested = belay_filter(&project, &["test", "shout-less.wasm", "filter.test.yaml"]);
    assert_eq!(tested.code, Some(0), "{}{}", tested.out, tested.err);
    assert!(!std::fs::read_to_string(project.join("Cargo.toml")).unwrap().contains("my-filter"));
}

#[test]
fn a_project_is_not_written_over_another() {
    let folder = folder_of(&[]);
    assert_eq!(belay_filter(&folder, &["new", "--lang", "rust", "one"]).code, Some(0));
    let said = belay_filter(&folder, &["new", "--lang", "rust", "one"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("it is there already"), "{}", said.err);
    let said = belay_filter(&folder, &["new", "--lang", "cobol", "two"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("there is no template for 'cobol'; known here: "), "{}", said.err);
}

#[test]
fn a_tool_that_is_missing_is_told_by_name_with_how_to_get_it() {
    let folder = folder_of(&[("Cargo.toml", b"")]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_belay"));
    let said: Said = command.args(["filter", "build"]).current_dir(&folder).env("PATH", "").output().unwrap().into();
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("'cargo' is not there. Get Rust from https://rustup.rs"), "{}", said.err);
    let said = belay_filter(&folder_of(&[]), &["build"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("is not a project of a known language\n"), "{}", said.err);
}

#[test]
fn a_component_is_looked_into() {
    let folder = folder_of(&[("limit.wasm", belay::shipped::component("rate-limit").unwrap())]);
    let said = belay_filter(&folder, &["inspect", "limit.wasm", "--config", "{ per: session, rate: 1/s, burst: 2 }"]);
    assert_eq!((said.code, &*said.err), (Some(0), ""));
    for row in ["world        belay:filter/belay-filter@0.1.0", "to backend   ", "memory       1."] {
        assert!(said.out.contains(row), "{row} in\n{}", said.out);
    }
    let said = belay_filter(&folder, &["inspect", "limit.wasm", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert!(found["refused"].as_str().unwrap().starts_with("configure refuses null: "), "{found}");
    assert_eq!(found["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn a_bench_gives_figures_for_programs() {
    let folder = folder_of(&[("count.wasm", &Guest::counting('a').component())]);
    let said = belay_filter(&folder, &["bench", "count.wasm", "--json"]);
    let costs: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let sizes: Vec<_> =
        costs["messages"].as_array().unwrap().iter().map(|row| row["bytes"].as_u64().unwrap()).collect();
    assert_eq!(sizes, [64, 1024, 16384]);
    assert_eq!(costs["messages"][0]["verdict"], "replace");
    assert!(costs["messages"][0]["ns"].as_f64().unwrap() > 1.0 && costs["memory_bytes"].as_u64().unwrap() >= 65_536);
}
