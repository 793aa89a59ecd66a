//! The ports of the demo: the page's is the user's to choose, the others are whatever is free.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// On loopback, all of them.
pub(super) struct Ports {
    /// Belay, and so the page.
    pub(super) page: u16,
    /// The chat, behind it.
    pub(super) chat: u16,
    /// Belay's metrics and readiness.
    pub(super) admin: u16,
}

impl Ports {
    /// Fails if the page's port is taken.
    pub(super) fn choose(page: u16) -> Result<Self, String> {
        if let Err(error) = TcpListener::bind(loopback(page)) {
            let owner = owner(page).map(|owner| format!(" by {owner}")).unwrap_or_default();
            return Err(match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    format!("port {page} is taken{owner}; choose another: cargo xtask demo --port {}", page ^ 1)
                }
                _ => format!("port {page} cannot be used ({error}); choose another: cargo xtask demo --port 8080"),
            });
        }
        Ok(Self { page, chat: free(&[9000, 9100])?, admin: free(&[9901, 9902])? })
    }
}

/// The first of these that is free, or any that is.
fn free(wanted: &[u16]) -> Result<u16, String> {
    let any = wanted.iter().copied().chain([0]).find_map(|port| TcpListener::bind(loopback(port)).ok());
    let port = any.and_then(|listener| listener.local_addr().ok()).map(|address| address.port());
    port.ok_or_else(|| "there is no free port on 127.0.0.1".into())
}

pub(super) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Who listens on a port, if the system tells us: the name and number of a process.
#[cfg(target_os = "linux")]
fn owner(port: u16) -> Option<String> {
    /// TCP_LISTEN, as /proc/net/tcp writes it.
    const LISTENING: &str = "0A";

    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| std::fs::read_to_string(table).unwrap_or_default());
    let inode = tables.iter().flat_map(|table| table.lines().skip(1)).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let local = columns.get(1)?.rsplit_once(':')?.1;
        let listens = columns.get(3) == Some(&LISTENING) && u16::from_str_radix(local, 16) == Ok(port);
        listens.then(|| columns.get(9).map(|inode| format!("socket:[{inode}]")))?
    })?;
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let pid = process.file_name();
        if !pid.as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        // Other users' processes keep their files to themselves.
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        for file in files.flatten() {
            if std::fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == inode.as_str()) {
                let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                return Some(format!("{} (process {})", name.trim(), pid.display()));
            }
        }
    }
    None
}

#[cfg(not(target_os = "linux"))]
fn owner(_port: u16) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_taken_port_is_named_with_who_has_it() {
        let listener = TcpListener::bind(loopback(0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let Err(message) = Ports::choose(port) else { panic!("the port is taken") };
        assert!(message.contains(&format!("port {port} is taken by ")), "{message}");
        assert!(message.contains(&format!("(process {})", std::process::id())), "{message}");
        assert!(message.contains("--port"), "{message}");
    }
}
