//! A backend that is a process, so that it can be killed as a backend is killed. The process is this test binary itself,
//! told by its environment to be the backend.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{backend, ports, soon};

const ADDRESS: &str = "BELAY_TEST_BACKEND_ADDRESS";

/// An echo backend that can be killed and started again. Gone when dropped.
pub struct EchoProcess {
    /// Where it listens whenever it runs.
    pub address: SocketAddr,
    child: Option<Child>,
}

impl EchoProcess {
    /// Runs it on a free port and waits until it listens.
    pub async fn start() -> Self {
        let mut this = Self { address: ports::free(), child: None };
        this.restart().await;
        this
    }

    /// Kills it (SIGKILL) and waits until it is gone: its connections end, and new ones are refused.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Runs it again on the same port and waits until it listens.
    pub async fn restart(&mut self) {
        self.kill();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([concat!("common::", "process::is_the_backend_when_told_so"), "--exact", "--nocapture"]);
        command.env(ADDRESS, self.address.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        soon("the backend process", async {
            while tokio::net::TcpStream::connect(self.address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

impl Drop for EchoProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Not a test of anything: where [`EchoProcess`] begins. Without its environment there is nothing to do.
#[tokio::test]
async fn is_the_backend_when_told_so() {
    if let Ok(address) = std::env::var(ADDRESS) {
        backend::echo_all(backend::listen(address.parse().unwrap())).await;
    }
}
