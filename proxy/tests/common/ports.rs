//! Free ports. They are taken from below the range that the system gives to outgoing connections, so that none of those
//! takes one away between the choice and its use; and each has a file that is locked by whose it is, so that no other test
//! does, whatever process it runs in.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex};

use tokio::net::TcpSocket;

const FIRST: u32 = 10_000;
const COUNT: u32 = 20_000;

/// The locks of our ports, which end with the process.
static OURS: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Where the files are, which other clones of the project look for too.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("belay-test-ports-{}", rustix::process::geteuid().as_raw()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
});

/// A loopback address that nobody listens on, nor will any other test while this process runs. The same one is never given
/// twice; two processes start looking in different places.
pub fn free() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..COUNT {
        let offset = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Relaxed)) % COUNT;
        let port = (FIRST + offset) as u16;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let Ok(lock) = File::create(FOLDER.join(port.to_string())) else { continue };
        if lock.try_lock().is_ok() && is_free(address) {
            OURS.lock().unwrap().push(lock);
            return address;
        }
    }
    panic!("no port of {COUNT} is free");
}

/// Asked without listening: a process that another test starts at this moment has all that is open here until it runs its
/// program, and whoever listens there keeps others from it.
fn is_free(address: SocketAddr) -> bool {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).is_ok()
}
