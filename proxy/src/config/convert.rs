//! From the wire types to the validated ones: what only the whole file can tell, such as names that must be known, be
//! unique, or be there on disk. It reads past each mistake and notes them all.

mod drain;
mod filter;
mod listener;
mod registries;
mod report;
mod route;
mod script;
mod secret;
mod telemetry;
mod tls;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

pub(super) use self::script::script;
use super::diagnostics::Diagnostic;
use super::path::Path;
use super::tree::Node;
use super::{Admin, Config, NetworksConfig, Origin, Shown, scalar, wire};
use crate::dataplane::route::{Dataplane, Limits, MemoryBudget, Routes};
use crate::tls::ClientTls;

/// The validated file. It may be less than the file says if mistakes were noted, here or by the walk over the schema.
pub(super) fn convert(file: wire::File, tree: &Node, folder: &FilePath, found: &mut Vec<Diagnostic>) -> Config {
    Convert::new(tree, folder, found).file(file)
}

struct Convert<'c> {
    tree: &'c Node,
    /// Of the file: paths in it are relative to this.
    folder: &'c FilePath,
    found: &'c mut Vec<Diagnostic>,
    /// Loaded so far.
    client_tls: Vec<Arc<ClientTls>>,
}

impl<'c> Convert<'c> {
    fn new(tree: &'c Node, folder: &'c FilePath, found: &'c mut Vec<Diagnostic>) -> Self {
        Self { tree, folder, found, client_tls: Vec::new() }
    }
}

fn memory(budget: Option<wire::SizeOrOff>) -> MemoryBudget {
    match budget {
        None => MemoryBudget::OfContainer,
        Some(wire::SizeOrOff::Off(_)) => MemoryBudget::Unlimited,
        Some(wire::SizeOrOff::Size(scalar::Size(bytes))) => MemoryBudget::Bytes(bytes as u64),
    }
}

impl Convert<'_> {
    fn file(&mut self, file: wire::File) -> Config {
        let shown = Shown::of(&file);
        let top = Path::default();
        let names: Vec<String> = file.filters.keys().cloned().collect();
        let mut addresses = HashMap::new();
        let (listeners, doors) = self.listeners(file.listeners, &top.key("listeners"), &mut addresses);
        let admin = file.admin.and_then(|admin| self.admin(&admin, &top.key("admin"), &mut addresses));
        let (clients, report) = self.clients_and_report(file.clients, file.report, &top);
        let filter_cache = file.filter_cache.map(|folder| self.folder_at(&folder, &top.key("filter_cache")));
        Config {
            origin: Origin::default(),
            said: serde_json::Value::Null,
            dataplane: Dataplane {
                listeners,
                routes: Routes(self.routes(file.routes, &names, &doors, &top.key("routes"))),
                filters: self.filters(file.filters, &top.key("filters")),
                limits: Limits { held_bytes_max: file.limits.held_bytes.0, memory: memory(file.limits.memory) },
                drain: self.drain(file.drain, &top.key("drain")),
            },
            shown,
            admin,
            networks: self.networks(&file.networks, &top.key("networks")),
            telemetry: self.telemetry(file.telemetry, &top.key("telemetry")),
            workers: file.workers.and_then(|workers| NonZeroUsize::new(workers as usize)),
            filter_cache,
            registries: self.registries(file.registries, &top.key("registries")),
            clients,
            report,
        }
    }

    /// Nothing if the address is missing, which has been noted then.
    fn admin(&mut self, admin: &wire::Admin, path: &Path, addresses: &mut HashMap<SocketAddr, Path>) -> Option<Admin> {
        let scalar::Address(address) = admin.address?;
        self.unique_address(address, path.key("address"), addresses);
        let token = admin.token.as_deref().and_then(|token| self.named_secret(token, &path.key("token")));
        Some(Admin { address, token })
    }

    /// Port 0 is another port each time.
    fn unique_address(&mut self, address: SocketAddr, path: Path, seen: &mut HashMap<SocketAddr, Path>) {
        if address.port() == 0 {
            return;
        }
        if let Some(first) = seen.get(&address) {
            let (first, _) = self.tree.locate(first);
            let help = format!("{first} has it already: take another port or remove one of them");
            self.note(&path, format!("the address {address} is given twice"), Some(help));
        } else {
            seen.insert(address, path);
        }
    }

    fn networks(&mut self, networks: &wire::Networks, path: &Path) -> NetworksConfig {
        let learned = networks.learned.as_deref().map(|given| {
            let file = self.folder.join(given);
            let folder = file.parent().unwrap_or(self.folder);
            let problem = if file.is_dir() {
                Some((format!("'{given}' is a folder"), "name a file in it"))
            } else if !folder.is_dir() {
                Some((format!("the folder of '{given}' is not there"), "make it, or choose another"))
            } else {
                None
            };
            if let Some((message, help)) = problem {
                self.note(&path.key("learned"), message, Some(help.to_owned()));
            }
            file
        });
        NetworksConfig { learned, networks_max: networks.entries as usize }
    }

    /// One that is made if it is not there.
    fn folder_at(&mut self, given: &str, path: &Path) -> PathBuf {
        let folder = self.folder.join(given);
        if folder.exists() && !folder.is_dir() {
            let help = "name a folder; it is made if it is not there".to_owned();
            self.note(path, format!("'{given}' is not a folder"), Some(help));
        }
        folder
    }

    /// A file that must be readable.
    fn readable(&mut self, file: &str, path: &Path) -> PathBuf {
        let joined = self.folder.join(file);
        let problem = match std::fs::File::open(&joined).and_then(|open| open.metadata()) {
            Ok(metadata) if metadata.is_dir() => Some("it is a folder".to_owned()),
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        if let Some(problem) = problem {
            let help = "paths are relative to the folder of this file".to_owned();
            self.note(path, format!("cannot read '{file}': {problem}"), Some(help));
        }
        joined
    }

    /// A header as HTTP allows it; the name in lower case.
    fn header(&mut self, name: &str, value: Option<&str>, path: &Path) -> Box<str> {
        if http::HeaderName::try_from(name).is_err() {
            let help = "letters, digits and '-' make a header's name".to_owned();
            self.note_key(path, format!("'{name}' is not a header's name"), Some(help));
        }
        if value.is_some_and(|value| http::HeaderValue::try_from(value).is_err()) {
            let help = "it has a character, such as a line's end, that HTTP does not allow there".to_owned();
            self.note(path, format!("not a value for the header '{name}'"), Some(help));
        }
        name.to_ascii_lowercase().into()
    }

    /// Whether something there is known to be wrong: then it was cut out, and nothing can be said about it.
    fn was_noted(&self, path: &Path) -> bool {
        let path = self.tree.as_in_file(path).to_string();
        let is_within =
            |found: &str| found.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        self.found.iter().any(|diagnostic| is_within(&diagnostic.path))
    }

    fn note(&mut self, path: &Path, message: String, help: Option<String>) {
        let (path, place) = self.tree.locate(path);
        self.found.push(Diagnostic { path: path.to_string(), message, help, place: Some(place) });
    }

    /// As [`Self::note`], about the key and not its value.
    fn note_key(&mut self, path: &Path, message: String, help: Option<String>) {
        let (path, place) = self.tree.locate_key(path);
        self.found.push(Diagnostic { path: path.to_string(), message, help, place: Some(place) });
    }
}
