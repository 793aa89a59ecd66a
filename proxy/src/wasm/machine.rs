//! Whether a machine can have as many instances as the YAML allows: each is mapped memory, and Linux bounds the number of
//! maps of a process. Found at start, rather than by the session that is one too many.

use std::path::Path;

/// Maps of one instance: of its memory the part in use, the part reserved and the guards. Three were measured; one whose
/// memory begins as a copy of the component's, or has more than one, takes some more.
pub const MAPS_AN_INSTANCE: usize = 5;
/// Address space that is reserved for one: a memory of 4 GiB, so that no access has to be checked.
const RESERVED_BYTES: u64 = 4 << 30;
/// What a process can address on the processors we run on, less some for everything else.
const ADDRESSABLE_BYTES: u64 = 120 << 40;
/// Maps of everything else: code, stacks, allocators' arenas.
const MAPS_OF_OURS: usize = 4096;

/// What a machine lets a process have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Machine {
    /// `vm.max_map_count`.
    pub maps_max: usize,
    /// The machine's memory, or our control group's if that is less.
    pub memory_bytes: u64,
}

/// What a filter with an instance for each session asks of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Isolated<'a> {
    /// The filter's name.
    pub filter: &'a str,
    /// The most instances.
    pub instances_max: usize,
    /// Linear memory of one that has just been configured.
    pub memory_bytes: u64,
}

/// The machine cannot have them.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TooMuch {
    /// Their maps.
    #[error(
        "filter {filter}: isolation: session with {instances} instances in all needs about {maps} memory maps, and a process \
         may have {maps_max} here: lower its limits.instances to {fits}, or raise vm.max_map_count (sysctl)"
    )]
    Maps {
        /// The filter with which it becomes too much.
        filter: Box<str>,
        /// Of it and those before it.
        instances: usize,
        /// Of it alone, beside those before it.
        fits: usize,
        /// What these need.
        maps: usize,
        /// What there is.
        maps_max: usize,
    },
    /// Their memory, even if no instance ever grows.
    #[error(
        "filter {filter}: isolation: session with {instances} instances in all needs at least {needed_mib} MiB of memory, and \
         there are {memory_mib} MiB: lower its limits.instances to {fits}"
    )]
    Memory {
        /// The filter with which it becomes too much.
        filter: Box<str>,
        /// Of it and those before it.
        instances: usize,
        /// Of it alone, beside those before it.
        fits: u64,
        /// What these need.
        needed_mib: u64,
        /// What there is.
        memory_mib: u64,
    },
    /// Their addresses.
    #[error(
        "filter {filter}: isolation: session with {instances} instances in all needs more addresses than a process has: lower its \
         limits.instances to {fits}"
    )]
    Addresses {
        /// The filter with which it becomes too much.
        filter: Box<str>,
        /// Of it and those before it.
        instances: usize,
        /// Of it alone, beside those before it.
        fits: usize,
    },
}

impl Machine {
    /// This one. What it does not tell is taken to be Linux's default, or without bound.
    pub fn here() -> Self {
        let maps_max = number("/proc/sys/vm/max_map_count").unwrap_or(65_530);
        let memory_bytes = group_memory().min(total_memory());
        Self { maps_max: usize::try_from(maps_max).unwrap_or(usize::MAX), memory_bytes }
    }

    /// Whether it can have all of these at a time.
    ///
    /// # Errors
    /// What is too much, and what to do.
    pub fn can_have(&self, filters: &[Isolated<'_>]) -> Result<(), TooMuch> {
        let (mut instances, mut bytes) = (0_usize, 0_u64);
        let maps_max = self.maps_max.saturating_sub(MAPS_OF_OURS);
        let addresses_max = usize::try_from(ADDRESSABLE_BYTES / RESERVED_BYTES).unwrap_or(usize::MAX);
        for &Isolated { filter, instances_max, memory_bytes } in filters {
            let (others, others_bytes) = (instances, bytes);
            instances = instances.saturating_add(instances_max);
            bytes = bytes.saturating_add(memory_bytes.saturating_mul(instances_max as u64));
            let maps = instances.saturating_mul(MAPS_AN_INSTANCE);
            if maps > maps_max {
                let (fits, maps_max) = ((maps_max / MAPS_AN_INSTANCE).saturating_sub(others), self.maps_max);
                return Err(TooMuch::Maps { filter: filter.into(), instances, fits, maps, maps_max });
            }
            if bytes > self.memory_bytes {
                let fits = self.memory_bytes.saturating_sub(others_bytes) / memory_bytes.max(1);
                let (needed_mib, memory_mib) = (bytes >> 20, self.memory_bytes >> 20);
                return Err(TooMuch::Memory { filter: filter.into(), instances, fits, needed_mib, memory_mib });
            }
            if instances > addresses_max {
                let fits = addresses_max.saturating_sub(others);
                return Err(TooMuch::Addresses { filter: filter.into(), instances, fits });
            }
        }
        Ok(())
    }
}

/// The least that any of our control groups may have (cgroups(7), version 2; version 1 where that is what there is).
fn group_memory() -> u64 {
    let ours = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = ours.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    // Within a container ours is the root of what can be seen; elsewhere its parents bound it, too.
    let groups = Path::new(group).ancestors().map(|group| Path::new("/sys/fs/cgroup").join(group).join("memory.max"));
    let least = groups.filter_map(number).min();
    least.or_else(|| number("/sys/fs/cgroup/memory/memory.limit_in_bytes")).unwrap_or(u64::MAX)
}

fn number(path: impl AsRef<Path>) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The machine's, as the kernel says it.
fn total_memory() -> u64 {
    let Ok(text) = std::fs::read_to_string("/proc/meminfo") else { return u64::MAX };
    let kib =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map_or(u64::MAX, |kib| kib.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Machine = Machine { maps_max: 65_530, memory_bytes: 1 << 30 };

    fn asks(instances_max: usize, memory_bytes: u64) -> Isolated<'static> {
        Isolated { filter: "guest", instances_max, memory_bytes }
    }

    #[test]
    fn the_default_fits_a_small_machine() {
        assert_eq!(SMALL.can_have(&[asks(1_000, 1 << 20)]), Ok(()));
    }

    #[test]
    fn what_is_too_much_is_told_with_what_to_do() {
        let told = |filters: &[Isolated<'_>]| SMALL.can_have(filters).unwrap_err().to_string();
        assert!(told(&[asks(20_000, 1)]).contains("needs about 100000 memory maps, and a process may have 65530"));
        assert!(told(&[asks(1_000, 2 << 20)]).contains("at least 2000 MiB of memory, and there are 1024 MiB"));
        let told_of_two = told(&[asks(10_000, 1), asks(10_000, 1)]);
        assert!(
            told_of_two.contains("20000 instances in all") && told_of_two.contains("to 2286, or raise"),
            "{told_of_two}"
        );
        assert!(told(&[asks(500, 1 << 20), asks(600, 1 << 20)]).contains("lower its limits.instances to 524"));
        let large = Machine { maps_max: usize::MAX, memory_bytes: u64::MAX };
        assert!(
            large
                .can_have(&[asks(1_000_000, 1)])
                .unwrap_err()
                .to_string()
                .contains("lower its limits.instances to 30720")
        );
    }

    #[test]
    fn this_machine_tells_what_it_has() {
        let here = Machine::here();
        assert!(here.maps_max >= 1_000 && here.memory_bytes > 1 << 20 && here.memory_bytes < u64::MAX);
    }
}
