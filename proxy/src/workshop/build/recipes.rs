//! The languages that `belay filter build` knows, each in a file of its own. A folder is of the first that it is told by.

mod assemblyscript;
mod c;
mod go;
mod javascript;
mod python;
mod rust;
mod zig;

use super::recipe::Recipe;

/// In the order in which a folder is asked: those that share a manifest with another stand before it.
pub(super) const ALL: &[&Recipe] = &[
    &assemblyscript::RECIPE,
    &javascript::RECIPE,
    &python::RECIPE,
    &rust::RECIPE,
    &go::RECIPE,
    &c::CPP,
    &c::C,
    &zig::RECIPE,
];
