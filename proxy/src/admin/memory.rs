//! The memory budget as metrics.

use super::Sample;
use super::metrics::{Family, Source};
use crate::dataplane::memory::Memory;

/// Numbers of the memory budget.
pub(super) static FAMILIES: [Family; 3] = [
    Family::gauge(
        "belay_memory_budget_bytes",
        &[],
        "Memory above which newcomers are turned away; not there if there is none.",
    ),
    Family::gauge("belay_memory_used_bytes", &[], "Memory that counts against it, when it was last measured."),
    Family::gauge("belay_memory_short", &[], "1 while newcomers are turned away for want of memory, otherwise 0."),
];

/// Its numbers.
pub fn source(memory: &Memory) -> Source {
    let memory = memory.clone();
    Box::new(move || samples(&memory))
}

fn samples(memory: &Memory) -> Vec<Sample> {
    let [budget, used, short] = &FAMILIES;
    let is_short = if memory.is_short() { 1.0 } else { 0.0 };
    let budget = memory.budget().map(|bytes| budget.sample(&[], bytes as f64));
    budget.into_iter().chain([used.sample(&[], memory.used() as f64), short.sample(&[], is_short)]).collect()
}
