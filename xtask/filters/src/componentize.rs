//! Makes a component of a core module built with an SDK of `sdk/`, and checks that it is one of Belay's world that asks for
//! nothing else.

use wit_component::{ComponentEncoder, DecodedWasm};

/// What every import's name begins with.
const OURS: &str = "belay:filter/";
/// What must be exported, whatever the version.
const EXPORT: &str = "belay:filter/filter@";
/// What may be.
const STATE: &str = "belay:filter/state@";

/// Validated.
pub(crate) fn componentize(module: &[u8]) -> Result<Vec<u8>, String> {
    let encoder = ComponentEncoder::default().validate(true).module(module);
    let mut encoder = encoder.map_err(|error| format!("{error:#}"))?;
    let component = encoder.encode().map_err(|error| format!("{error:#}"))?;
    let decoded = wit_component::decode(&component).map_err(|error| format!("{error:#}"))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err("what came out is not a component".to_owned());
    };
    let world = resolve.worlds.get(world).ok_or("what came out has no world")?;
    for key in world.imports.keys() {
        let name = resolve.name_world_key(key);
        if !name.starts_with(OURS) {
            return Err(format!("it imports {name}, which no filter is given: look for a dependency that needs it"));
        }
    }
    let exports: Vec<String> = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    let known = |export: &String| export.starts_with(EXPORT) || export.starts_with(STATE);
    if exports.iter().any(|export| export.starts_with(EXPORT)) && exports.iter().all(known) {
        Ok(component)
    } else {
        Err(format!("it should export {EXPORT}…, perhaps {STATE}…, and nothing else, but exports {exports:?}"))
    }
}
