//! The numbers of certificates.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::watch::Shared;
use crate::admin::{Family, Source};

/// What is told of certificates.
pub(crate) static FAMILIES: [Family; 2] = [
    Family::gauge(
        "belay_tls_certificate_expiry_seconds",
        &["certificate"],
        "Until a certificate of our own expires, by its file; negative when it has.",
    ),
    Family::counter(
        "belay_tls_reloads_total",
        &["outcome"],
        "Times that changed files of certificates, keys or authorities were read anew: used, or refused.",
    ),
];

/// Tells of them.
pub(super) fn source(shared: Arc<Shared>) -> Source {
    Box::new(move || {
        let [expiry, reloads] = &FAMILIES;
        let certificates = shared.certificates();
        let mut samples: Vec<_> = certificates
            .iter()
            .map(|(file, certificate)| expiry.sample(&[file], certificate.expires_in_s().round()))
            .collect();
        samples.push(reloads.sample(&["used"], shared.reloaded.load(Relaxed) as f64));
        samples.push(reloads.sample(&["refused"], shared.refused.load(Relaxed) as f64));
        samples
    })
}
