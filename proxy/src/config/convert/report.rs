//! `clients` and `report`.

use super::Convert;
use super::tls::Scheme;
use crate::clients;
use crate::config::path::Path;
use crate::config::wire;
use crate::report::{Batching, Keep, Secret, Settings, Topics};
use crate::secret::Reference;

/// Less would be full of a handful of long names.
const SPOOL_BYTES_MIN: usize = 1024 * 1024;

impl Convert<'_> {
    /// Whoever reports on clients follows them.
    pub(super) fn clients_and_report(
        &mut self,
        clients: Option<wire::Clients>,
        report: Option<wire::Report>,
        top: &Path,
    ) -> (Option<clients::Settings>, Option<Settings>) {
        let clients = clients.or_else(|| report.is_some().then(wire::Clients::default));
        let clients = clients.map(|clients| self.clients(clients, &top.key("clients")));
        let report = report.and_then(|report| self.report(report, &top.key("report")));
        (clients, report)
    }

    fn clients(&mut self, clients: wire::Clients, path: &Path) -> clients::Settings {
        if clients.identity.is_empty() {
            let help = "name an attribute, such as the 'user' that auth-jwt sets".to_owned();
            self.note(&path.key("identity"), "must not be empty".to_owned(), Some(help));
        }
        clients::Settings {
            attribute: clients.identity.into(),
            grace: clients.grace.0,
            entries_max: clients.entries as usize,
        }
    }

    /// Nothing if a part is missing, which has been noted then.
    fn report(&mut self, report: wire::Report, path: &Path) -> Option<Settings> {
        let secret = report.secret.and_then(|secret| self.secret(secret, &path.key("secret")));
        if report.retry.from.0 > report.retry.to.0 {
            let message = format!("must not be shorter than 'from', which is {}", report.retry.from);
            self.note(&path.key("retry").key("to"), message, None);
        }
        let endpoint = report.endpoint?.0;
        let tls = self.client_tls(report.tls, Scheme::of_http(&endpoint), &path.key("tls"));
        let keep = match report.spool {
            Some(spool) => self.spool(spool, &path.key("spool"))?,
            None => Keep::Memory { events_max: report.queue as usize },
        };
        let told = |topic| report.events.contains(&topic);
        Some(Settings {
            endpoint,
            tls,
            secret: secret?,
            source: report.source.map(Into::into),
            topics: match (told(wire::Topic::Client), told(wire::Topic::Session)) {
                (true, true) => Topics::Both,
                (false, true) => Topics::Sessions,
                (_, false) => Topics::Clients,
            },
            batch: Batching { events_max: report.batch.events as usize, every: report.batch.every.0 },
            timeout: report.timeout.0,
            retry_from: report.retry.from.0,
            retry_to: report.retry.to.0,
            keep,
        })
    }

    fn secret(&mut self, secret: wire::SecretOrReference, path: &Path) -> Option<Secret> {
        let secret = match secret {
            wire::SecretOrReference::Secret(secret) => secret,
            wire::SecretOrReference::Reference(reference) => {
                return match reference.reference()? {
                    Reference::File(file) => Some(Secret::File(self.readable(file, path))),
                    Reference::Variable(name) => Some(Secret::Variable(name.into())),
                };
            }
        };
        match (secret.file, secret.environment) {
            (Some(file), None) => Some(Secret::File(self.readable(&file, &path.key("file")))),
            (None, Some(name)) if !name.is_empty() && !name.contains('=') => Some(Secret::Variable(name.into())),
            _ if self.was_noted(path) => None,
            _ => {
                let help = "write 'file: ./secret' or 'environment: BELAY_REPORT_SECRET'".to_owned();
                self.note(
                    path,
                    "needs a file or the name of an environment variable, and not both".to_owned(),
                    Some(help),
                );
                None
            }
        }
    }

    /// Nothing if the folder is missing, which has been noted then.
    fn spool(&mut self, spool: wire::Spool, path: &Path) -> Option<Keep> {
        if spool.bytes.0 < SPOOL_BYTES_MIN {
            self.note(&path.key("bytes"), format!("must be at least 1MiB, is {}", spool.bytes), None);
        }
        let folder = self.folder_at(&spool.folder?, &path.key("folder"));
        Some(Keep::Spool { folder, bytes_max: spool.bytes.0 })
    }
}
