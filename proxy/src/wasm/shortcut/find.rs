//! Finds the core function behind a component's `on-message`, in the shape in which all tools write components: an instance
//! of a small component that only names types, made with the functions lifted for it. Whoever writes another shape is not
//! understood, which costs him the shortcut and nothing else. That what is found has the right types is the compiler's to see.

use std::collections::HashMap;

use wasmparser::{
    BinaryReaderError, CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind as Kind,
    ComponentInstance, ComponentOuterAliasKind, ComponentType, ComponentValType, ExternalKind, Parser, Payload,
};

use crate::wasm::abi::{PACKAGE, VERSION};

/// The export that is called for each message.
const ON_MESSAGE: &str = "on-message";

/// Where it is, and how many there are of each thing: what is put behind them is numbered from there.
pub(super) struct Found {
    pub(super) lift: Lift,
    pub(super) core_modules: u32,
    pub(super) core_instances: u32,
    pub(super) core_functions: u32,
    pub(super) types: u32,
    pub(super) functions: u32,
}

/// A core function and how it is lifted, as indices.
#[derive(Clone, Copy)]
pub(super) struct Lift {
    pub(super) function: u32,
    /// The type of what it gives.
    pub(super) result: u32,
    pub(super) memory: u32,
    pub(super) realloc: u32,
    pub(super) post_return: Option<u32>,
}

/// None if it is not understood.
pub(super) fn on_message(component: &[u8]) -> Option<Found> {
    let mut outline = Outline::default();
    outline.read(component).ok()?;
    let &instance = outline.exports.get(&*format!("{PACKAGE}/filter@{VERSION}"))?;
    let made = outline.instances.get(instance as usize)?.as_ref()?;
    let names = outline.components.get(made.component as usize)?.as_ref()?;
    let argument = names.exports.get(ON_MESSAGE)?;
    let &function = made.functions.get(argument)?;
    Some(Found {
        lift: (*outline.functions.get(function as usize)?)?,
        core_modules: outline.core_modules,
        core_instances: outline.core_instances,
        core_functions: outline.core_functions,
        types: count(&outline.results),
        functions: count(&outline.functions),
    })
}

/// A component's index spaces. Of most things it only matters that they are there.
#[derive(Default)]
struct Outline<'a> {
    core_modules: u32,
    core_instances: u32,
    core_functions: u32,
    /// Of types of functions what they give, if that is a type of its own.
    results: Vec<Option<u32>>,
    /// Those lifted here, if they are lifted plainly.
    functions: Vec<Option<Lift>>,
    components: Vec<Option<Names<'a>>>,
    instances: Vec<Option<Made<'a>>>,
    /// Instances that are exported.
    exports: HashMap<&'a str, u32>,
}

/// A component within, by the functions that it passes on.
#[derive(Default)]
struct Names<'a> {
    /// The imports' names.
    functions: Vec<Option<&'a str>>,
    /// Exports' names to imports'.
    exports: HashMap<&'a str, &'a str>,
}

/// An instance, by what it was made of.
#[derive(Clone)]
struct Made<'a> {
    component: u32,
    functions: HashMap<&'a str, u32>,
}

type Read<T> = Result<T, BinaryReaderError>;

impl<'a> Outline<'a> {
    fn read(&mut self, component: &'a [u8]) -> Read<()> {
        // How deep within other components and modules.
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload?;
            match depth {
                0 => self.section(&payload)?,
                1 => {
                    if let Some(Some(names)) = self.components.last_mut() {
                        names.section(&payload)?;
                    }
                }
                _ => {}
            }
            match payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                _ => {}
            }
        }
        Ok(())
    }

    fn section(&mut self, payload: &Payload<'a>) -> Read<()> {
        match payload {
            Payload::ModuleSection { .. } => self.core_modules += 1,
            Payload::ComponentSection { .. } => self.components.push(Some(Names::default())),
            Payload::InstanceSection(instances) => self.core_instances += instances.count(),
            Payload::ComponentTypeSection(types) => {
                for ty in types.clone() {
                    self.results.push(result(&ty?));
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions.clone() {
                    match function? {
                        CanonicalFunction::Lift { core_func_index, type_index, options } => {
                            let result = self.results.get(type_index as usize).copied().flatten();
                            self.functions.push(result.and_then(|result| lift(core_func_index, result, &options)));
                        }
                        _ => self.core_functions += 1,
                    }
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances.clone() {
                    self.instances.push(made(&instance?));
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases.clone() {
                    self.alias(&alias?);
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports.clone() {
                    self.unknown(import?.ty.kind());
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports.clone() {
                    let export = export?;
                    if export.kind == Kind::Instance {
                        self.exports.insert(export.name.name, export.index);
                    }
                    // What is exported has a further index.
                    self.unknown(export.kind);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        match alias {
            ComponentAlias::InstanceExport { kind, .. } => self.unknown(*kind),
            ComponentAlias::CoreInstanceExport { kind: ExternalKind::Func | ExternalKind::FuncExact, .. } => {
                self.core_functions += 1;
            }
            ComponentAlias::CoreInstanceExport { .. } => {}
            ComponentAlias::Outer { kind, .. } => match kind {
                ComponentOuterAliasKind::CoreModule => self.core_modules += 1,
                ComponentOuterAliasKind::CoreType => {}
                ComponentOuterAliasKind::Type => self.results.push(None),
                ComponentOuterAliasKind::Component => self.components.push(None),
            },
        }
    }

    /// One more of this kind.
    fn unknown(&mut self, kind: Kind) {
        match kind {
            Kind::Module => self.core_modules += 1,
            Kind::Func => self.functions.push(None),
            Kind::Value => {}
            Kind::Type => self.results.push(None),
            Kind::Instance => self.instances.push(None),
            Kind::Component => self.components.push(None),
        }
    }
}

impl<'a> Names<'a> {
    fn section(&mut self, payload: &Payload<'a>) -> Read<()> {
        match payload {
            Payload::ComponentImportSection(imports) => {
                for import in imports.clone() {
                    let import = import?;
                    if import.ty.kind() == Kind::Func {
                        self.functions.push(Some(import.name.name));
                    }
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases.clone() {
                    if let ComponentAlias::InstanceExport { kind: Kind::Func, .. } = alias? {
                        self.functions.push(None);
                    }
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions.clone() {
                    if let CanonicalFunction::Lift { .. } = function? {
                        self.functions.push(None);
                    }
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports.clone() {
                    let export = export?;
                    if export.kind == Kind::Func {
                        let function = self.functions.get(export.index as usize).copied().flatten();
                        self.exports.extend(function.map(|function| (export.name.name, function)));
                        self.functions.push(function);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn result(ty: &ComponentType<'_>) -> Option<u32> {
    match ty {
        ComponentType::Func(function) => match function.result {
            Some(ComponentValType::Type(result)) => Some(result),
            _ => None,
        },
        _ => None,
    }
}

/// None unless it is lifted as all languages do it: at once, in UTF-8, from linear memory.
fn lift(function: u32, result: u32, options: &[CanonicalOption]) -> Option<Lift> {
    let (mut memory, mut realloc, mut post_return) = (None, None, None);
    for option in options {
        match *option {
            CanonicalOption::UTF8 => {}
            CanonicalOption::Memory(index) => memory = Some(index),
            CanonicalOption::Realloc(index) => realloc = Some(index),
            CanonicalOption::PostReturn(index) => post_return = Some(index),
            _ => return None,
        }
    }
    Some(Lift { function, result, memory: memory?, realloc: realloc?, post_return })
}

fn made<'a>(instance: &ComponentInstance<'a>) -> Option<Made<'a>> {
    let ComponentInstance::Instantiate { component_index, args } = instance else { return None };
    let functions = args.iter().filter(|arg| arg.kind == Kind::Func).map(|arg| (arg.name, arg.index)).collect();
    Some(Made { component: *component_index, functions })
}

fn count<T>(things: &[T]) -> u32 {
    u32::try_from(things.len()).unwrap_or(u32::MAX)
}
