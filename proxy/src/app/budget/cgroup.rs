//! What the kernel lets our container have, by its cgroup, of either version (cgroups(7), and the kernel's
//! `cgroup-v2.rst` and `cgroup-v1/memory.rst`).

use std::path::{Path, PathBuf};

/// Version 1 says that there is no limit by a number close to this one, less than a page below it.
const NO_LIMIT: u64 = i64::MAX as u64 - (1 << 20);

/// The least of the limits of our cgroup and those around it, in bytes. Nothing: none of them is limited.
pub(super) fn limit() -> Option<u64> {
    let ours = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    limit_of(Path::new("/sys/fs/cgroup"), &ours)
}

/// `ours` is `/proc/self/cgroup`, a line for each hierarchy: number, controllers, path.
fn limit_of(root: &Path, ours: &str) -> Option<u64> {
    let limits = ours.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let (top, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|controller| controller == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes")
            }
            _ => return None,
        };
        least(&top, path, file)
    });
    limits.min()
}

/// From our own up to the top. In a container the path may be one of the machine's that is not there: the top is ours then.
fn least(top: &Path, path: &str, file: &str) -> Option<u64> {
    let path = PathBuf::from(path.trim_start_matches('/'));
    let levels = path.ancestors().map(|level| top.join(level).join(file));
    levels.filter_map(|file| read(&file)).min()
}

fn read(file: &Path) -> Option<u64> {
    // Version 2 says that there is no limit by the word max.
    std::fs::read_to_string(file).ok()?.trim().parse().ok().filter(|&bytes| bytes < NO_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("belay-cgroup-{name}-{}", std::process::id()));
        for (file, text) in files {
            let file = root.join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, format!("{text}\n")).unwrap();
        }
        root
    }

    #[test]
    fn version_2_says_it_for_us_and_for_those_around_us() {
        let root = tree("two", &[("pod/memory.max", "2000"), ("pod/ours/memory.max", "max"), ("memory.max", "max")]);
        assert_eq!(limit_of(&root, "0::/pod/ours\n"), Some(2000));
        assert_eq!(limit_of(&root, "0::/elsewhere\n"), None);
        std::fs::write(root.join("pod/ours/memory.max"), "1000\n").unwrap();
        assert_eq!(limit_of(&root, "0::/pod/ours\n"), Some(1000));
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_container_of_version_2_sees_itself_at_the_top() {
        let root = tree("top", &[("memory.max", "3000")]);
        assert_eq!(limit_of(&root, "0::/\n"), Some(3000));
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn version_1_says_it_in_a_hierarchy_of_its_own_which_may_hide_where_we_are() {
        let limit = "memory/memory.limit_in_bytes";
        let ours = "5:cpu,cpuacct:/docker/7\n4:memory:/docker/7\n0::/\n";
        let root = tree("one", &[(limit, "4000")]);
        assert_eq!(limit_of(&root, ours), Some(4000));
        std::fs::write(root.join(limit), "9223372036854771712\n").unwrap();
        assert_eq!(limit_of(&root, ours), None);
        std::fs::remove_dir_all(root).unwrap();
    }
}
