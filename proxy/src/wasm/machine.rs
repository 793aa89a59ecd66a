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
         may have {maps_max} here: lower limits.instances, or raise vm.max_map_count (sysctl)"
    )]
    Maps {
        /// The filter with which it becomes too much.
        filter: Box<str>,
        /// Of it and those before it.
        instances: usize,
        /// What these need.
        maps: usize,
        /// What there is.
        maps_max: usize,
    },
    /// Their memory, even if no instance ever grows.
    #[error(
        "filter {filter}: isolation: session with {instances} instances in all needs at least {needed_mib} MiB of memory, and \
         there are {memory_mib} MiB: lower limits.instances"
    )]
    Memory {
        /// The filter with which it becomes too much.
        filter: Box<str>,
        /// Of it and those before it.
        instances: usize,
        /// What these need.
        needed_mib: u64,
        /// What there is.
        memory_mib: u64,
    },
    /// Their addresses.
    #[error(
        "filter {filter}: isolation: session with {instances} instances in all needs more addresses than a process has: lower \
         limits.instances to {instances_max}"
    )]
    Addresses {
        /// The filter with which it becomes too much.
        filter: Box<str>,
        /// Of it and those before it.
        instances: usize,
        /// What there is room for.
        instances_max: u64,
    },
}

impl Machine {
    /// This one. What it does not tell is taken to be Linux's default, or without bound.
    pub fn here() -> Self {
        let maps_max = number("/proc/sys/vm/max_map_count").unwrap_or(65_530);
        let group = number("/sys/fs/cgroup/memory.max").unwrap_or(u64::MAX);
        Self { maps_max: usize::try_from(maps_max).unwrap_or(usize::MAX), memory_bytes: group.min(total_memory()) }
    }

    /// Whether it can have all of these at a time.
    ///
    /// # Errors
    /// What is too much, and what to do.
    pub fn can_have(&self, filters: &[Isolated<'_>]) -> Result<(), TooMuch> {
        let (mut instances, mut bytes) = (0_usize, 0_u64);
        for filter in filters {
            instances = instances.saturating_add(filter.instances_max);
            bytes = bytes.saturating_add(filter.memory_bytes.saturating_mul(filter.instances_max as u64));
            let name = || filter.filter.into();
            let maps = instances.saturating_mul(MAPS_AN_INSTANCE);
            if maps > self.maps_max.saturating_sub(MAPS_OF_OURS) {
                return Err(TooMuch::Maps { filter: name(), instances, maps, maps_max: self.maps_max });
            }
            if bytes > self.memory_bytes {
                let (needed_mib, memory_mib) = (bytes >> 20, self.memory_bytes >> 20);
                return Err(TooMuch::Memory { filter: name(), instances, needed_mib, memory_mib });
            }
            let instances_max = ADDRESSABLE_BYTES / RESERVED_BYTES;
            if instances as u64 > instances_max {
                return Err(TooMuch::Addresses { filter: name(), instances, instances_max });
            }
        }
        Ok(())
    }
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
        assert!(told(&[asks(10_000, 1), asks(10_000, 1)]).contains("20000 instances in all"));
        let large = Machine { maps_max: usize::MAX, memory_bytes: u64::MAX };
        assert!(
            large.can_have(&[asks(1_000_000, 1)]).unwrap_err().to_string().contains("lower limits.instances to 30720")
        );
    }

    #[test]
    fn this_machine_tells_what_it_has() {
        let here = Machine::here();
        assert!(here.maps_max >= 1_000 && here.memory_bytes > 1 << 20 && here.memory_bytes < u64::MAX);
    }
}
