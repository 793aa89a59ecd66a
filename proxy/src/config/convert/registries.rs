//! `registries`.

use super::Convert;
use crate::config::path::Path;
use crate::config::wire;
use crate::oci::Settings;

impl Convert<'_> {
    pub(super) fn registries(&mut self, registries: wire::Registries, path: &Path) -> Settings {
        for (index, host) in registries.insecure.iter().enumerate() {
            if host.contains('/') || host.parse::<http::uri::Authority>().is_err() {
                let help = "write host, or host:port, as it stands behind oci://".to_owned();
                self.note(&path.key("insecure").item(index), format!("'{host}' is not a registry's host"), Some(help));
            }
        }
        Settings {
            cache: registries.cache.map(|folder| self.folder_at(&folder, &path.key("cache"))),
            cache_bytes_max: registries.cache_bytes.0 as u64,
            credentials: registries.credentials.map(|file| self.readable(&file, &path.key("credentials"))),
            insecure: registries.insecure.into_iter().map(Into::into).collect(),
            roots: registries.roots.map(|file| self.readable(&file, &path.key("roots"))),
            timeout: registries.timeout.0,
        }
    }
}
