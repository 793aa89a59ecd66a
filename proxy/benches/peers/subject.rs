//! What is measured: no proxy, Belay, and each peer. A peer is a name, a program and a configuration made for the run.

mod peers;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::options::Options;
use crate::process::{Tree, free_port};

/// Workers of every proxy.
const WORKERS: u32 = 2;

pub(crate) struct Subject {
    pub(crate) name: &'static str,
    kind: Kind,
}

enum Kind {
    Direct,
    Proxy {
        program: PathBuf,
        /// Makes the configuration in a folder, and the command that runs it.
        prepare: Prepare,
        /// Sent with each handshake.
        headers: &'static str,
        front: Option<Prepare>,
    },
}

type Prepare = fn(&Path, &Path, Ends) -> std::io::Result<Command>;

/// Where a proxy listens, and where it connects to.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) listen: SocketAddr,
    pub(crate) backend: SocketAddr,
    /// Of Belay, where it is wanted.
    pub(crate) admin: SocketAddr,
}

/// A subject with its backend, both running.
pub(crate) struct Running {
    /// Stands between the clients and the proxy, if it has to. Not measured.
    front: Option<Tree>,
    /// Before the backend, so that it is stopped first.
    proxy: Option<Tree>,
    backend: Option<Tree>,
    pub(crate) folder: PathBuf,
    backend_address: SocketAddr,
    /// Where clients connect.
    pub(crate) address: SocketAddr,
    pub(crate) headers: &'static str,
    /// Where it is administered, if it can be.
    pub(crate) admin: Option<SocketAddr>,
}

impl Subject {
    /// Those asked for, or all that are there; says which are not.
    pub(crate) fn choose(options: &Options) -> Outcome<Vec<Self>> {
        let mut chosen = Vec::new();
        for name in &options.peers {
            if name != "direct" && !peers::ALL.iter().any(|peer| peer.name == name) {
                return Err(format!("there is no peer '{name}'"));
            }
        }
        let wanted = |name: &str| options.peers.is_empty() || options.peers.iter().any(|peer| peer == name);
        if wanted("direct") {
            chosen.push(Self { name: "direct", kind: Kind::Direct });
        }
        for peer in peers::ALL.iter().filter(|peer| wanted(peer.name)) {
            let program = match peer.program {
                Some(program) => on_path(program),
                None => Some(options.belay.clone()).filter(|file| file.is_file()),
            };
            match program {
                Some(program) => {
                    let kind = Kind::Proxy { program, prepare: peer.prepare, headers: peer.headers, front: peer.front };
                    chosen.push(Self { name: peer.name, kind });
                }
                None => eprintln!("not measured: {} (not found)", peer.name),
            }
        }
        if chosen.is_empty() { Err("nothing to measure".to_owned()) } else { Ok(chosen) }
    }

    /// Belay with a filter that can be replaced.
    pub(crate) fn belay_counting(options: &Options) -> Self {
        let kind =
            Kind::Proxy { program: options.belay.clone(), prepare: peers::belay_counting, headers: "", front: None };
        Self { name: "belay+counting", kind }
    }

    pub(crate) fn is_proxy(&self) -> bool {
        matches!(self.kind, Kind::Proxy { .. })
    }

    /// Starts a new backend, and the proxy in front of it.
    pub(crate) fn start(&self) -> Outcome<Running> {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{}", std::process::id())).join(self.name);
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let backend_address = free_port()?;
        let mut running = Running {
            front: None,
            proxy: None,
            backend: None,
            folder,
            backend_address,
            address: backend_address,
            headers: "",
            admin: None,
        };
        running.start_backend()?;
        if let Kind::Proxy { program, prepare, headers, front } = &self.kind {
            let ends = Ends { listen: free_port()?, backend: backend_address, admin: free_port()? };
            let command = prepare(program, &running.folder, ends).map_err(|error| format!("{}: {error}", self.name))?;
            running.proxy = Some(Tree::start(command, &running.folder.join("log"), ends.listen)?);
            running.address = ends.listen;
            running.headers = headers;
            running.admin = Some(ends.admin);
            if let Some(prepare) = front {
                let ends = Ends { listen: free_port()?, backend: ends.listen, admin: free_port()? };
                let command =
                    prepare(program, &running.folder, ends).map_err(|error| format!("{}: {error}", self.name))?;
                running.front = Some(Tree::start(command, &running.folder.join("front.log"), ends.listen)?);
                running.address = ends.listen;
            }
        }
        Ok(running)
    }
}

impl Running {
    pub(crate) fn start_backend(&mut self) -> Outcome<()> {
        let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
        command.arg("backend").arg(self.backend_address.to_string());
        self.backend = Some(Tree::start(command, &self.folder.join("backend.log"), self.backend_address)?);
        Ok(())
    }

    pub(crate) fn kill_backend(&mut self) {
        if let Some(backend) = self.backend.take() {
            backend.kill();
        }
    }

    /// The proxy's processes; without a proxy, the backend's.
    pub(crate) fn measured(&self) -> Outcome<&Tree> {
        self.proxy.as_ref().or(self.backend.as_ref()).ok_or_else(|| "nothing runs".to_owned())
    }

    /// The end of what the proxy said, for an error to explain itself.
    pub(crate) fn explain(&self, error: &str) -> String {
        let words = self.proxy.as_ref().map(Tree::last_words).unwrap_or_default();
        if words.is_empty() { error.to_owned() } else { format!("{error}\n{words}") }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.front = None;
        self.proxy = None;
        self.backend = None;
        let _ = std::fs::remove_dir_all(&self.folder);
        // The run's own folder goes with the last of them.
        let _ = self.folder.parent().map(std::fs::remove_dir);
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // Debian keeps servers where not every user's PATH looks.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}
