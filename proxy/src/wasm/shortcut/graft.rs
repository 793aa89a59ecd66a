//! Puts the shortcut behind a component's own sections. A component may have each kind of section as often as it likes, so
//! all that is there stays as it is, byte for byte.

use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, ComponentAliasSection, ComponentExportKind,
    ComponentExportSection, ComponentSection, ComponentTypeSection, ComponentValType, ExportKind, InstanceSection,
    ModuleArg, ModuleSection, PrimitiveValType,
};

use super::find::{Found, Lift};
use super::{LISTEN, READ, VERDICT, glue};

/// The whole component.
pub(super) fn grafted(component: &[u8], found: &Found) -> Vec<u8> {
    let mut bytes = component.to_vec();
    modules(found, &mut bytes);
    types(found, &mut bytes);
    lifts(found, &mut bytes);
    let mut exports = ComponentExportSection::new();
    for (index, name) in (found.functions..).zip([LISTEN, READ, VERDICT]) {
        // Each export is one more function itself, and all of them stand behind those that they export.
        exports.export(name, ComponentExportKind::Func, index, None);
    }
    exports.append_to_component(&mut bytes);
    bytes
}

/// Ours, given what they need: bags of exports are instances, too.
fn modules(found: &Found, bytes: &mut Vec<u8>) {
    let Found { lift, core_modules, core_instances, .. } = *found;
    let mut given = vec![
        ("memory", ExportKind::Memory, lift.memory),
        ("on-message", ExportKind::Func, lift.function),
        ("realloc", ExportKind::Func, lift.realloc),
    ];
    given.extend(lift.post_return.map(|post_return| ("post-return", ExportKind::Func, post_return)));
    ModuleSection(&glue::module(&lift)).append_to_component(bytes);
    ModuleSection(&glue::passing_on()).append_to_component(bytes);
    let mut instances = InstanceSection::new();
    instances.export_items(given);
    instances.instantiate(core_modules, [("", ModuleArg::Instance(core_instances))]);
    instances.instantiate(core_modules + 1, [("", ModuleArg::Instance(core_instances + 1))]);
    instances.append_to_component(bytes);
    let mut aliases = ComponentAliasSection::new();
    for name in glue::EXPORTS {
        aliases.alias(Alias::CoreInstanceExport { instance: core_instances + 2, kind: ExportKind::Func, name });
    }
    aliases.append_to_component(bytes);
}

/// Numbers, bytes, and the filter's own type of verdicts.
fn types(found: &Found, bytes: &mut Vec<u8>) {
    let u32 = || ComponentValType::Primitive(PrimitiveValType::U32);
    let u64 = ComponentValType::Primitive(PrimitiveValType::U64);
    let payload = ComponentValType::Type(found.types);
    let mut types = ComponentTypeSection::new();
    types.defined_type().list(PrimitiveValType::U8);
    types.function().params([("session", u32()), ("way", u32()), ("size", u32())]).result(Some(u64));
    types
        .function()
        .params([("session", u32()), ("way", u32()), ("size", u32()), ("payload", payload)])
        .result(Some(u64));
    types.function().params([("at", u32())]).result(Some(ComponentValType::Type(found.lift.result)));
    types.append_to_component(bytes);
}

fn lifts(found: &Found, bytes: &mut Vec<u8>) {
    let Found { lift: Lift { memory, realloc, post_return, .. }, core_functions, types, .. } = *found;
    let memory = CanonicalOption::Memory(memory);
    let mut lifts = CanonicalFunctionSection::new();
    lifts.lift(core_functions, types + 1, []);
    lifts.lift(core_functions + 1, types + 2, [memory, CanonicalOption::Realloc(realloc)]);
    let mut options = vec![CanonicalOption::UTF8, memory];
    options.extend(post_return.map(CanonicalOption::PostReturn));
    lifts.lift(core_functions + 2, types + 3, options);
    lifts.append_to_component(bytes);
}
