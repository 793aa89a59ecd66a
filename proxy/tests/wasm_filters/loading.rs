//! What can be wrong with a component or its config, found before it serves; and the cache of compiled ones.

use super::*;

#[test]
fn what_is_no_component_is_named() {
    assert!(matches!(problem(b"#!/bin/sh\n"), LoadProblem::NotWasm { .. }));
    assert!(matches!(problem(b""), LoadProblem::NotWasm { .. }));
    assert_eq!(problem(&Guest::default().module()), LoadProblem::CoreModule);
    let mut cut = Guest::default().component();
    cut.truncate(cut.len() / 2);
    assert!(matches!(problem(&cut), LoadProblem::Invalid(_)));
}

#[test]
fn a_component_of_another_world_or_version_is_named() {
    let other = wat::parse_str(
        r#"(component (component $c) (instance $i (instantiate $c)) (export "wasi:cli/run@0.2.0" (instance $i)))"#,
    );
    let LoadProblem::OtherWorld { exports } = problem(&other.unwrap()) else { panic!("not another world") };
    assert_eq!(&*exports, "wasi:cli/run@0.2.0");
    let newer = Guest { wit_change: Some(("filter@0.1.0", "filter@0.2.0")), ..Guest::default() };
    let LoadProblem::OtherVersion { theirs } = problem(&newer.component()) else { panic!("not another version") };
    assert_eq!(&*theirs, "0.2.0");
    let changed = Guest {
        wit_change: Some((
            "on-close: func(session: session, reason: close-reason)",
            "on-close: func(session: session, code: u16, x: u32, y: u32)",
        )),
        ..Guest::default()
    };
    assert!(matches!(problem(&changed.component()), LoadProblem::Mismatch(_)));
}

#[test]
fn imports_that_are_not_offered_are_listed() {
    let with_wasi = wat::parse_str(
        r#"(component
            (import "wasi:clocks/wall-clock@0.2.0" (instance))
            (component $c) (instance $i (instantiate $c)) (export "belay:filter/filter@0.1.0" (instance $i)))"#,
    );
    let problem = problem(&with_wasi.unwrap());
    let text = problem.to_string();
    assert!(text.contains("wasi:clocks/wall-clock@0.2.0") && text.contains("wasm32-unknown-unknown"), "{text}");
}

#[test]
fn a_config_that_is_not_accepted_is_found_before_serving() {
    let refuses = Guest {
        configure: "
            (i32.store8 (i32.const 0) (i32.const 1))
            (i32.store (i32.const 4) (i32.const 1024)) (i32.store (i32.const 8) (i32.const 13)) (i32.const 0)",
        ..Guest::default()
    };
    let error = load_as(spec(), &refuses).err().unwrap();
    assert_eq!(error.to_string(), "filter probe: it does not accept its config: hello, filter");

    for (configure, says) in [
        ("unreachable", "panicked"),
        ("(loop $l (br $l)) unreachable", "still running after 1000 ms"),
        (
            "(loop $l (drop (call $alloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1000000))) (br $l)) unreachable",
            "refused more than 16 MiB",
        ),
    ] {
        let problem = load_as(spec(), &Guest { configure, ..Guest::default() }).err().unwrap().problem;
        let LoadProblem::Failed(cause) = problem else { panic!("{problem}") };
        assert!(cause.starts_with("configure: ") && cause.contains(says), "{cause}");
    }
}

#[test]
fn a_filter_larger_than_its_memory_limit_is_refused() {
    let limits = FilterLimits { memory_bytes_max: 32 * 1024, ..FilterLimits::default() };
    let problem = load_as(FilterSpec { limits, ..spec() }, &Guest::default()).err().unwrap().problem;
    assert!(problem.to_string().contains("refused more than 32 KiB"), "{problem}");
}

#[test]
fn compiled_filters_are_cached_and_damage_is_repaired() {
    let dir = std::env::temp_dir().join(format!("belay-cache-{:x}", rand::random::<u64>()));
    let component = Guest { configure: WANT_ALL, ..Guest::default() }.component();
    let load = || Host::new(Some(&dir)).unwrap().load(&spec(), &component).unwrap();
    load();
    let entries: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries.len(), 1);
    let written = std::fs::read(&entries[0]).unwrap();
    load();
    let mut damaged = written.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&entries[0], &damaged).unwrap();
    load();
    assert_ne!(std::fs::read(&entries[0]).unwrap(), damaged, "it was compiled again");
    std::fs::write(&entries[0], b"short").unwrap();
    load();

    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o777)).unwrap();
    std::fs::remove_file(&entries[0]).unwrap();
    load();
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0, "a folder that others can write to is not used");
    std::fs::remove_dir_all(dir).unwrap();
}
