//! From a core module, as most languages' toolchains make it, to a component of our world.
//!
//! A module that was made with bindings carries the types of its world with it; another is given them here. One that asks for
//! WASI is given an adapter that answers from the host's own interfaces, where there is one for it: filters have no WASI.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The world's text, which every SDK is made from.
const WIT: &str = include_str!("../../../sdk/wit/filter.wit");
/// From the larger to the smaller: a module that lacks what the first wants may still be the second.
const WORLDS: [&str; 2] = ["stateful-filter", "belay-filter"];

/// Core modules that answer for import modules of these names, out of the world's own imports. Those that a module does not
/// ask for are left out.
const ADAPTERS: &[(&str, &[u8])] =
    &[("wasi_snapshot_preview1", include_bytes!("../../../sdk/wasi-adapter/adapter.wasm"))];

/// The component. The error says what the module lacks, as wit-component has it.
pub(super) fn componentize(module: &[u8]) -> Result<Vec<u8>, String> {
    let carries_types = wit_component::metadata::decode(module).map_err(|error| format!("{error:#}"))?.0.is_some();
    if carries_types {
        return encode(module);
    }
    let mut last = String::new();
    for world in WORLDS {
        match typed(module, world).and_then(|module| encode(&module)) {
            Ok(component) => return Ok(component),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn typed(module: &[u8], world: &str) -> Result<Vec<u8>, String> {
    let mut module = module.to_vec();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("filter.wit", WIT).map_err(|error| format!("{error:#}"))?;
    let world = resolve.select_world(&[package], Some(world)).map_err(|error| format!("{error:#}"))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(|error| format!("{error:#}"))?;
    Ok(module)
}

fn encode(module: &[u8]) -> Result<Vec<u8>, String> {
    let encoder = ComponentEncoder::default().validate(true).module(module);
    let encoder =
        ADAPTERS.iter().try_fold(encoder.map_err(|error| format!("{error:#}"))?, |encoder, (name, adapter)| {
            encoder.adapter(name, adapter)
        });
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_lacks_is_named() {
        let module = wat::parse_str("(module (memory (export \"memory\") 1))").unwrap();
        let error = componentize(&module).unwrap_err();
        assert!(error.contains("function `configure`"), "{error}");
    }

    #[test]
    fn what_a_module_asks_for_and_nobody_has_is_named() {
        let module = wat::parse_str("(module (import \"env\" \"puts\" (func)))").unwrap();
        let error = componentize(&module).unwrap_err();
        assert!(error.contains("env"), "{error}");
    }
}
