//! The module that answers WASI for filters whose toolchain cannot do without it: the committed one is made of its source.
//! `BELAY_BLESS=1 cargo test -p belay --test wasi_adapter` makes it anew.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::{Docs, Resolve};

#[test]
fn the_committed_adapter_is_made_of_its_source() {
    let path = folder().join("adapter.wasm");
    let made = make();
    if std::env::var_os("BELAY_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read(&path).unwrap();
    assert!(committed == made, "{} is stale: run this test with BELAY_BLESS=1", path.display());
}

#[test]
fn the_adapter_asks_for_nothing_that_a_filter_is_not_given() {
    let text = std::fs::read_to_string(folder().join("adapter.wat")).unwrap();
    let imports = text.lines().filter(|line| line.trim_start().starts_with("(import "));
    for import in imports {
        assert!(import.contains("\"env\" \"memory\"") || import.contains("\"belay:filter/host@0.1.0\""), "{import}");
    }
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk/wasi-adapter"))
}

/// The text, and the types of what it imports. Without the world's comments: a word changed there changes nothing here.
fn make() -> Vec<u8> {
    let mut module = wat::parse_file(folder().join("adapter.wat")).unwrap();
    let mut resolve = Resolve::default();
    resolve.push_path(folder().join("../wit")).unwrap();
    let package = resolve.push_file(folder().join("adapter.wit")).unwrap();
    for (_, interface) in resolve.interfaces.iter_mut() {
        interface.docs = Docs::default();
        for function in interface.functions.values_mut() {
            function.docs = Docs::default();
        }
    }
    for (_, world) in resolve.worlds.iter_mut() {
        world.docs = Docs::default();
    }
    for (_, ty) in resolve.types.iter_mut() {
        ty.docs = Docs::default();
    }
    let world = resolve.select_world(&[package], Some("adapter")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}
