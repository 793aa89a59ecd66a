//! What is measured: no proxy, Belay, and each peer. A subject is a name, a program and a configuration made for the run.

mod belay;
mod peers;
mod pushpin;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::load::{Load, PATIENCE};
use crate::options::{Options, Scenario};
use crate::process::{Tree, free_port};

/// Workers of every proxy.
const WORKERS: u32 = 2;

pub(crate) struct Subject {
    pub(crate) name: &'static str,
    kind: Kind,
}

enum Kind {
    Direct,
    Proxy(Proxy, PathBuf),
    /// And why.
    Absent(String),
}

/// How one is run.
#[derive(Clone, Copy)]
struct Proxy {
    prepare: Prepare,
    /// Sent with each handshake.
    headers: &'static str,
    /// Makes what clients say in clear into what it takes: another process, which is not measured.
    front: Option<Prepare>,
    /// What it says of its version is asked for by this.
    version: &'static [&'static str],
    /// It takes no more.
    sessions_max: usize,
    /// What it is measured by. All that compare, if empty.
    scenarios: &'static [Scenario],
}

/// Makes the configuration in a folder, and the command that runs it.
type Prepare = fn(&Path, &Path, Ends) -> std::io::Result<Command>;

impl Proxy {
    const fn new(prepare: Prepare) -> Self {
        let version = &["--version"];
        Self { prepare, headers: "", front: None, version, sessions_max: usize::MAX, scenarios: &[] }
    }
}

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
    /// Those asked for, or all; those that are not there say so.
    pub(crate) fn choose(options: &Options) -> Outcome<Vec<Self>> {
        let known = || std::iter::once(("direct", None)).chain(belay::ALL).chain(peers::ALL);
        if let Some(unknown) = options.peers.iter().find(|name| known().all(|(peer, _)| peer != name.as_str())) {
            return Err(format!("there is no peer '{unknown}'"));
        }
        let is_wanted = |name: &str| options.peers.is_empty() || options.peers.iter().any(|peer| peer == name);
        let chosen = known().filter(|(name, _)| is_wanted(name)).map(|(name, proxy)| {
            let kind = match proxy {
                None => Kind::Direct,
                Some(proxy) if name.starts_with("belay") => Kind::Proxy(proxy, options.belay.clone()),
                Some(proxy) => match on_path(name) {
                    Some(program) => Kind::Proxy(proxy, program),
                    None => Kind::Absent(format!("there is no {name} on PATH")),
                },
            };
            if let Kind::Absent(why) = &kind {
                eprintln!("NOT MEASURED: {name}: {why}");
            }
            Self { name, kind }
        });
        Ok(chosen.collect())
    }

    /// No proxy.
    pub(crate) fn direct() -> Self {
        Self { name: "direct", kind: Kind::Direct }
    }

    /// Without filters.
    pub(crate) fn belay(options: &Options) -> Self {
        Self::one("belay", belay::plain, options)
    }

    /// With the three filters that ship.
    pub(crate) fn belay_with_filters(options: &Options) -> Self {
        Self { name: "belay+filters", kind: Kind::Proxy(belay::WITH_FILTERS, options.belay.clone()) }
    }

    /// With filters that subscribe to no message.
    pub(crate) fn belay_unsubscribed(options: &Options) -> Self {
        Self::one("belay+unsubscribed", belay::unsubscribed, options)
    }

    /// With filters that subscribe to all messages, and not to their payload.
    pub(crate) fn belay_without_payload(options: &Options) -> Self {
        Self::one("belay+without-payload", belay::without_payload, options)
    }

    /// With a filter that can be replaced.
    pub(crate) fn belay_counting(options: &Options) -> Self {
        Self::one("belay+counting", belay::counting, options)
    }

    /// With a cache of filters.
    pub(crate) fn belay_cached(options: &Options) -> Self {
        Self::one("belay+cache", belay::cached, options)
    }

    fn one(name: &'static str, prepare: Prepare, options: &Options) -> Self {
        Self { name, kind: Kind::Proxy(Proxy::new(prepare), options.belay.clone()) }
    }

    pub(crate) fn does(&self, scenario: Scenario) -> bool {
        match &self.kind {
            Kind::Absent(_) => false,
            Kind::Direct => scenario == Scenario::Echo,
            Kind::Proxy(proxy, _) => proxy.scenarios.is_empty() || proxy.scenarios.contains(&scenario),
        }
    }

    /// Why it is not measured.
    pub(crate) fn absent(&self) -> Option<&str> {
        if let Kind::Absent(why) = &self.kind { Some(why) } else { None }
    }

    /// As many sessions, or as many as it takes.
    pub(crate) fn at_most(&self, sessions: usize) -> usize {
        if let Kind::Proxy(proxy, _) = &self.kind { sessions.min(proxy.sessions_max) } else { sessions }
    }

    /// The first thing in what it says of its version that looks like one.
    pub(crate) fn version(&self) -> String {
        let Kind::Proxy(proxy, program) = &self.kind else { return String::new() };
        let said = Command::new(program).args(proxy.version).stdin(Stdio::null()).output().ok();
        let said = said.map(|said| [said.stdout, said.stderr].concat()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).into_owned();
        let numbers = said.split(|sign: char| sign.is_whitespace() || "/-+".contains(sign));
        let version =
            |word: &str| word.trim_start_matches('v').split('.').filter(|part| part.parse::<u32>().is_ok()).count();
        let word = numbers.into_iter().find(|word| version(word) >= 2).unwrap_or_default();
        word.trim_start_matches('v').to_owned()
    }

    /// Starts a new backend, and the proxy in front of it.
    pub(crate) fn start(&self) -> Outcome<Running> {
        let folder = self.folder()?;
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
        if let Kind::Proxy(proxy, program) = &self.kind {
            let prepare = |prepare: Prepare, backend| {
                let ends = Ends { listen: free_port()?, backend, admin: free_port()? };
                let command = prepare(program, &running.folder, ends);
                command.map(|command| (command, ends)).map_err(|error| format!("{}: {error}", self.name))
            };
            let (command, ends) = prepare(proxy.prepare, backend_address)?;
            running.proxy = Some(Tree::start(command, &running.folder.join("log"), ends.listen)?);
            running.address = ends.listen;
            running.headers = proxy.headers;
            running.admin = self.name.starts_with("belay").then_some(ends.admin);
            if let Some(front) = proxy.front {
                let (command, ends) = prepare(front, ends.listen)?;
                running.front = Some(Tree::start(command, &running.folder.join("front.log"), ends.listen)?);
                running.address = ends.listen;
            }
            running.until_it_serves()?;
        }
        Ok(running)
    }

    /// The command alone, for whoever starts it again and again; and where it is administered.
    pub(crate) fn command(&self) -> Outcome<(Command, SocketAddr)> {
        let Kind::Proxy(proxy, program) = &self.kind else { return Err(format!("{} is no program", self.name)) };
        let ends = Ends { listen: free_port()?, backend: free_port()?, admin: free_port()? };
        let command = (proxy.prepare)(program, &self.folder()?, ends);
        command.map(|command| (command, ends.admin)).map_err(|error| format!("{}: {error}", self.name))
    }

    fn folder(&self) -> Outcome<PathBuf> {
        use std::sync::atomic::{AtomicU32, Ordering};

        static NEXT: AtomicU32 = AtomicU32::new(0);
        let run = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{}", std::process::id()));
        let folder = run.join(format!("{}-{}", self.name, NEXT.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(folder)
    }
}

impl Running {
    /// Some listen long before they have found their own parts.
    fn until_it_serves(&self) -> Outcome<()> {
        let begun = Instant::now();
        loop {
            match Load::open(self.address, 1, self.headers) {
                Ok(load) => {
                    load.reset();
                    return Ok(());
                }
                Err(error) if begun.elapsed() > PATIENCE => return Err(self.explain(&error)),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

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
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
