//! Which certificate is for which name, what a certificate says, what is wrong with files.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair, SanType};

use super::choice::ByName;
use super::*;

fn pair(names: &[&str]) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// A folder of its own for each test.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("belay-tls-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(folder: &std::path::Path, name: &str, content: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, content).unwrap();
    file
}

fn settings(certificate: PathBuf, key: PathBuf) -> ServerSettings {
    ServerSettings {
        certificates: vec![Identity { certificate, key }],
        client_auth: ClientAuth::Off,
        min_version: MinVersion::Tls12,
        alpn: Vec::new(),
    }
}

#[test]
fn a_name_is_served_by_its_own_certificate_then_by_a_wildcard_then_by_the_first() {
    let folder = folder("names");
    let all = [&["first.example"][..], &["*.chat.example"], &["A.Chat.Example"]].map(|names| {
        let (certificate, key) = pair(names);
        let identity =
            Identity { certificate: write(&folder, "cert.pem", &certificate), key: write(&folder, "key.pem", &key) };
        let key = Arc::new(identity.load().unwrap());
        let certificate = Certificate::read(&key.cert[0]).unwrap();
        (key, certificate)
    });
    let choice = ByName::new(all.to_vec());
    let chosen = |name: Option<&str>| {
        let chosen = choice.choose(name, |_| true).unwrap();
        all.iter().position(|(key, _)| Arc::ptr_eq(key, chosen)).unwrap()
    };
    assert_eq!(chosen(Some("a.chat.example")), 2);
    assert_eq!(chosen(Some("b.chat.example")), 1);
    // A wildcard is one label (RFC 9525, section 6.3).
    for other in ["b.a.chat.example", "chat.example", "other.example"] {
        assert_eq!(chosen(Some(other)), 0, "{other}");
    }
    assert_eq!(chosen(None), 0);
}

#[test]
fn a_certificate_says_whose_it_is() {
    let mut params = CertificateParams::new(vec!["Device.Example".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "device-7");
    params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
    params.subject_alt_names.push(SanType::URI("spiffe://example/device/7".try_into().unwrap()));
    params.subject_alt_names.push(SanType::URI("spiffe://example/two words".try_into().unwrap()));
    params.subject_alt_names.push(SanType::Rfc822Name("seven@example.com".try_into().unwrap()));
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let read = Certificate::read(certificate.der()).unwrap();
    assert!(read.subject.contains("CN=device-7") && read.subject.contains(r"O=Example\, Inc."), "{}", read.subject);
    assert_eq!((read.dns, read.emails), (vec!["device.example".to_owned()], vec!["seven@example.com".to_owned()]));
    assert_eq!(read.uris, ["spiffe://example/device/7"]);
    assert_eq!(read.fingerprint.len(), 64);
    assert!(read.not_after.as_secs() > 4_000_000_000);
    assert_eq!(Certificate::read(&b"no certificate".to_vec().into()), None);
}

#[test]
fn a_file_that_cannot_be_used_is_named_and_none_of_it_is_shown() {
    let folder = folder("bad");
    let ((certificate, key), (_, other)) = (pair(&["a.example"]), pair(&["a.example"]));
    let good = (write(&folder, "cert.pem", &certificate), write(&folder, "key.pem", &key));
    let other = write(&folder, "other.pem", &other);
    let broken = write(&folder, "broken.pem", &key.replace("\n-----END", "!secret!\n-----END"));
    let error = |certificate: &PathBuf, key: &PathBuf| {
        ServerTls::load(settings(certificate.clone(), key.clone())).unwrap_err().to_string()
    };
    assert!(error(&good.0, &other).contains("other.pem is not that of the certificate in"));
    assert!(error(&good.1, &good.1).ends_with("key.pem holds no certificate"));
    assert!(error(&good.0, &good.0).ends_with("cert.pem holds no private key"));
    assert!(error(&folder.join("none"), &good.1).contains("none: No such file"));
    let broken = error(&good.0, &broken);
    assert!(broken.ends_with("broken.pem is not PEM: a section is not base64"), "{broken}");
    ServerTls::load(settings(good.0, good.1)).unwrap();
}

/// Heads as OpenSSL writes them, with `-aes256` and with `-aes256 -traditional`; what stands below is the same to us.
#[test]
fn an_encrypted_key_is_said_to_be_one_with_what_to_do() {
    let folder = folder("encrypted");
    let (certificate, _) = pair(&["a.example"]);
    let certificate = write(&folder, "cert.pem", &certificate);
    for (name, head) in [
        ("pkcs8.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"),
        (
            "older.pem",
            "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n",
        ),
    ] {
        let end = head.lines().next().unwrap().replace("BEGIN", "END");
        let key = write(&folder, name, &format!("{head}MIHsMFcGCSqGSIb3DQEFDTBK\n{end}\n"));
        let error = ServerTls::load(settings(certificate.clone(), key.clone())).unwrap_err().to_string();
        assert!(error.starts_with(&format!("the key in {} is encrypted", key.display())), "{error}");
        assert!(error.contains("openssl pkey -in"), "{error}");
    }
}

#[tokio::test]
async fn an_end_without_the_closing_word_is_no_end() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder = folder("end");
    let (certificate, key) = pair(&["localhost"]);
    let (certificate, key) = (write(&folder, "cert.pem", &certificate), write(&folder, "key.pem", &key));
    let server = ServerTls::load(settings(certificate.clone(), key)).unwrap();
    let roots = Roots::File(certificate);
    let client = ClientTls::load(ClientSettings { roots, ..ClientSettings::default() }).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    for says_so in [true, false] {
        let dialled = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let within = std::time::Duration::from_secs(30);
        let (ours, theirs) = tokio::join!(client.connect(dialled, "localhost"), server.accept(accepted, within));
        let (mut ours, (mut theirs, peer)) = (ours.unwrap(), theirs.unwrap());
        assert_eq!(peer.server_name.as_deref(), Some("localhost"));
        theirs.write_all(b"so far").await.unwrap();
        theirs.flush().await.unwrap();
        ours.read_exact(&mut [0; 6]).await.unwrap();
        if says_so {
            theirs.shutdown().await.unwrap();
        }
        drop(theirs);
        let end = ours.read(&mut [0; 1]).await;
        match says_so {
            true => assert_eq!(end.unwrap(), 0),
            false => assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof),
        }
    }
}
