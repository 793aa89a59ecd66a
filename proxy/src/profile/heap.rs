//! Where memory was taken that is in use: jemalloc notes one allocation in each 512 KiB or so, if it was told to at the start.

mod jemalloc;

use std::collections::HashMap;

use super::ProfileError;
use super::encode::{Line, Place, Profile};

/// One stack in jemalloc's own words: what is in use of what was noted.
struct Noted {
    addresses: Vec<u64>,
    objects: u64,
    bytes: u64,
}

/// Blocks for as long as names take.
pub(super) fn profile() -> Result<Vec<u8>, ProfileError> {
    if !jemalloc::is_on()? {
        return Err(ProfileError::HeapIsOff);
    }
    let text = jemalloc::dump()?;
    let (interval, stacks) = read(&text);
    let mut profile = Profile::new(&[("inuse_objects", "count"), ("inuse_space", "bytes")], interval);
    let mut names = HashMap::new();
    for Noted { addresses, objects, bytes } in stacks {
        let stack = addresses.into_iter().map(|address| names.entry(address).or_insert_with(|| name(address)).clone());
        let stack = stack.collect();
        let share = share_noted(objects, bytes, interval);
        let whole = |noted: u64| (noted as f64 / share) as u64;
        profile.add(stack, &[whole(objects), whole(bytes)]);
    }
    Ok(profile.finish())
}

/// jemalloc's text, `heap_v2/INTERVAL`, then for each stack its addresses after an `@` and on the next line that speaks of all
/// threads (`t*:`) objects and bytes in use. What is mapped where follows, and is not needed: names are found here.
fn read(text: &str) -> (u64, Vec<Noted>) {
    let mut lines = text.lines();
    let interval = lines.next().and_then(|line| line.strip_prefix("heap_v2/")?.trim().parse().ok()).unwrap_or(1);
    let (mut stacks, mut addresses) = (Vec::new(), Vec::new());
    for line in lines {
        if line.starts_with("MAPPED_LIBRARIES") {
            break;
        }
        if let Some(stack) = line.strip_prefix('@') {
            let hex = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok();
            addresses = stack.split_whitespace().filter_map(hex).collect();
        } else if let Some(counts) = line.trim().strip_prefix("t*:")
            && !addresses.is_empty()
        {
            let mut numbers = counts.split([':', '[']).filter_map(|number| number.trim().parse().ok());
            if let (Some(objects), Some(bytes)) = (numbers.next(), numbers.next()) {
                stacks.push(Noted { addresses: std::mem::take(&mut addresses), objects, bytes });
            }
        }
    }
    (interval, stacks)
}

/// How likely an object of this size is to be noted (jemalloc, PROFILING_INTERNALS.md).
fn share_noted(objects: u64, bytes: u64, interval: u64) -> f64 {
    if objects == 0 {
        return 1.0;
    }
    let size = bytes as f64 / objects as f64;
    (1.0 - (-size / interval as f64).exp()).max(f64::MIN_POSITIVE)
}

/// The functions at a return address: those of the call, which is before it.
fn name(address: u64) -> Place {
    let mut lines = Vec::new();
    backtrace::resolve(usize::try_from(address.saturating_sub(1)).unwrap_or_default() as *mut _, |symbol| {
        lines.push(Line {
            function: symbol.name().map_or_else(|| format!("{address:#x}"), |name| format!("{name:#}")),
            file: symbol.filename().map(|file| file.display().to_string()).unwrap_or_default(),
            line: symbol.lineno().unwrap_or_default(),
        });
    });
    Place { address, lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jemalloc_says_is_read() {
        let text = "heap_v2/524288\n  t*: 3: 300 [0: 0]\n  t0: 3: 300 [0: 0]\n@ 0x10 0xff\n  t*: 2: 200 [5: 500]\n  t1: 2: 200 [0: 0]\n\
                    @ 0x20\n  t*: 1: 100 [0: 0]\n\nMAPPED_LIBRARIES:\n@ 0x30\n  t*: 9: 9 [0: 0]\n";
        let (interval, stacks) = read(text);
        assert_eq!((interval, stacks.len()), (524_288, 2));
        assert_eq!((&*stacks[0].addresses, stacks[0].objects, stacks[0].bytes), (&[0x10, 0xff][..], 2, 200));
        assert_eq!((&*stacks[1].addresses, stacks[1].objects, stacks[1].bytes), (&[0x20][..], 1, 100));
    }

    #[test]
    fn of_large_objects_each_is_noted_and_of_small_ones_few() {
        assert!(share_noted(1, 100_000_000, 524_288) > 0.999);
        let share = share_noted(10, 5_240, 524_288);
        assert!((share - 0.001).abs() < 0.000_1, "{share}");
    }
}
