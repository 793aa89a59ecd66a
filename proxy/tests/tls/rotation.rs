//! Certificates that are replaced while sessions live.

use std::os::unix::fs::symlink;
use std::path::Path;

use belay::tls::Identity;
use futures_util::SinkExt;
use tungstenite::Message;

use crate::common::backend::Echo;
use crate::common::belay::Belay;
use crate::common::pki::{Authority, Leaf};
use crate::common::{client, scratch};
use crate::{secure, session, yaml};

/// As Kubernetes does it: files lead through `..data`, which is swapped for another folder at once.
fn swap(volume: &Path, content: &str) {
    let fresh = volume.join("..data_tmp");
    symlink(content, &fresh).unwrap();
    std::fs::rename(fresh, volume.join("..data")).unwrap();
}

#[tokio::test]
async fn new_certificates_are_used_and_sessions_go_on() {
    let volume = scratch("volume");
    let old = Authority::new(&scratch("tls"), "old");
    let new = Authority::new(&scratch("tls"), "new");
    for (content, authority) in [("one", &old), ("two", &new)] {
        let pair = authority.sign("server", Leaf::default());
        std::fs::create_dir(volume.join(content)).unwrap();
        std::fs::copy(pair.certificate, volume.join(content).join("tls.crt")).unwrap();
        std::fs::copy(pair.key, volume.join(content).join("tls.key")).unwrap();
    }
    // The certificate of one and the key of the other.
    std::fs::create_dir(volume.join("torn")).unwrap();
    std::fs::copy(volume.join("two/tls.crt"), volume.join("torn/tls.crt")).unwrap();
    std::fs::copy(volume.join("one/tls.key"), volume.join("torn/tls.key")).unwrap();
    swap(&volume, "one");
    symlink("..data/tls.crt", volume.join("tls.crt")).unwrap();
    symlink("..data/tls.key", volume.join("tls.key")).unwrap();
    let pair = Identity { certificate: volume.join("tls.crt"), key: volume.join("tls.key") };
    let backend = Echo::start().await;
    let belay = Belay::start(&yaml(&pair, backend.address, "", "")).await;
    let (trusts_old, trusts_new) = (old.client(None, None), new.client(None, None));
    let mut chat = session(&trusts_old, &belay).await;

    swap(&volume, "torn");
    belay.logs_line(&["going on with those before", "is not that of the certificate in"]).await;
    secure(&trusts_old, belay.address).await.unwrap();

    swap(&volume, "two");
    belay.log_with("certificates were read anew").await;
    let error = secure(&old.client(None, None), belay.address).await.unwrap_err().to_string();
    assert!(error.contains("signed by no authority that is trusted here"), "{error}");
    let mut fresh = session(&trusts_new, &belay).await;
    for chat in [&mut chat, &mut fresh] {
        chat.send(Message::text("still here")).await.unwrap();
        assert_eq!(client::next_text(chat).await, "still here");
    }
    belay.metric_becomes(r#"belay_tls_reloads_total{outcome="used"}"#, 1.0).await;
    belay.metric_becomes(r#"belay_tls_reloads_total{outcome="refused"}"#, 1.0).await;
    let expiry = format!("belay_tls_certificate_expiry_seconds{{certificate=\"{}\"}}", pair.certificate.display());
    belay.metric_reaches(&expiry, 1e9).await;
}
