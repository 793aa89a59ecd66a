//! A filter's component: where its bytes come from, and that they are those that were meant.

use std::borrow::Cow;
use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::dataplane::route::{FilterSource, FilterSpec};
use crate::digest::sha256;
use crate::oci::Puller;
use crate::shipped;
use crate::stamp::Stamp;

/// A component's file. JavaScript's and Python's are a few megabytes to forty.
const COMPONENT_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Of its file as it is now, if it comes from one.
pub(super) fn stamp(spec: &FilterSpec) -> Option<Stamp> {
    let FilterSource::File(path) = &spec.source else { return None };
    std::fs::metadata(path).ok().map(|metadata| Stamp::from(&metadata))
}

/// As it is now. Refused, before anything looks at what is in it, if the YAML has the digest of another.
pub(super) fn read(spec: &FilterSpec, puller: &Puller) -> Result<Cow<'static, [u8]>, String> {
    let bytes = match &spec.source {
        FilterSource::Shipped(name) => shipped::component(name)
            .map(Into::into)
            .ok_or_else(|| format!("filter {}: '{name}' does not ship with Belay", spec.name))?,
        FilterSource::File(path) => Cow::from(file(&spec.name, path)?),
        FilterSource::Registry(reference) => {
            let pulled = puller.pull(reference, COMPONENT_BYTES_MAX);
            Cow::from(pulled.map_err(|error| format!("filter {}: {error}", spec.name))?)
        }
    };
    match &spec.sha256 {
        Some(pinned) => is_pinned(spec, &bytes, pinned).map(|()| bytes),
        None => Ok(bytes),
    }
}

fn is_pinned(spec: &FilterSpec, bytes: &[u8], pinned: &str) -> Result<(), String> {
    let found = sha256(bytes);
    if found == pinned {
        return Ok(());
    }
    let name = &spec.name;
    let place = match &spec.source {
        FilterSource::Shipped(name) => format!("'{name}' as it ships"),
        FilterSource::File(path) => path.display().to_string(),
        FilterSource::Registry(reference) => reference.to_string(),
    };
    Err(format!(
        "filter {name}: {place} is not the component that sha256 pins: the pin is {pinned}, the component's is {found}. \
         Put the right component there, or, if this one is meant, its digest into the YAML"
    ))
}

fn file(filter: &str, path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |why: &dyn Display| format!("filter {filter}: cannot read {}: {why}", path.display());
    let file = File::open(path).map_err(|error| cannot(&error))?;
    let mut bytes = Vec::new();
    file.take(COMPONENT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
    if bytes.len() as u64 > COMPONENT_BYTES_MAX {
        return Err(cannot(&"it is longer than 128 MiB"));
    }
    Ok(bytes)
}
