//! Filters pulled from registries by digest: from a real one that another tool has pushed to, and from those that want tokens,
//! lie, are slow or die.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod common;
#[path = "registries/fake.rs"]
mod fake;
#[path = "support/guest.rs"]
mod guest;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use belay::oci::{Puller, Reference, Settings};
use belay::tls::Identity;
use common::backend::Echo;
use common::belay::Belay;
use common::pki::{Authority, Leaf};
use common::{client, ports, soon, tools};
use fake::{Artifact, Registry, ok, status};
use futures_util::SinkExt;
use guest::Guest;
use serde_json::json;

const BYTES_MAX: u64 = 1024 * 1024;

fn reference(registry: &Registry, artifact: &Artifact) -> Reference {
    format!("oci://{}/acme/mask@{}", registry.address, artifact.digest()).parse().unwrap()
}

fn pull(settings: Settings, registry: &Registry, artifact: &Artifact) -> Result<Vec<u8>, String> {
    Puller::new(settings).pull(&reference(registry, artifact), BYTES_MAX).map_err(|error| error.to_string())
}

fn artifact() -> Artifact {
    Artifact::of(b"\0asm, or so it says")
}

fn cached(folder: &Path) -> Settings {
    Settings { cache: Some(folder.join("cache")), ..Settings::default() }
}

#[test]
fn what_was_pulled_once_needs_no_registry() {
    let (artifact, folder) = (artifact(), common::scratch("oci"));
    let honest = artifact.clone();
    let registry = Registry::start(move |asked| Some(honest.answer(asked)));
    assert_eq!(pull(cached(&folder), &registry, &artifact).as_deref(), Ok(&*artifact.layer));
    assert_eq!(registry.asked().len(), 2);
    assert_eq!(pull(cached(&folder), &registry, &artifact).as_deref(), Ok(&*artifact.layer));
    assert_eq!(registry.asked().len(), 2);
    // What is damaged in the cache is pulled again.
    for entry in std::fs::read_dir(folder.join("cache")).unwrap() {
        std::fs::write(entry.unwrap().path(), "something else").unwrap();
    }
    assert_eq!(pull(cached(&folder), &registry, &artifact).as_deref(), Ok(&*artifact.layer));
    assert_eq!(registry.asked().len(), 4);
    assert_eq!(pull(Settings::default(), &registry, &artifact).as_deref(), Ok(&*artifact.layer));
    assert_eq!(registry.asked().len(), 6);
}

#[test]
fn a_full_cache_keeps_what_was_used_last() {
    let folder = common::scratch("oci");
    let artifacts: Vec<Artifact> = (0..4).map(|n| Artifact::of(&vec![n; 10_000])).collect();
    let held = artifacts.clone();
    let registry = Registry::start(move |asked| {
        let answers = held.iter().map(|artifact| artifact.answer(asked));
        answers.max_by_key(Vec::len)
    });
    let settings = || Settings { cache_bytes_max: 25_000, ..cached(&folder) };
    for artifact in &artifacts {
        pull(settings(), &registry, artifact).unwrap();
    }
    let size: u64 =
        std::fs::read_dir(folder.join("cache")).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert!(size <= 25_000, "{size}");
    let asked = registry.asked().len();
    pull(settings(), &registry, &artifacts[3]).unwrap();
    assert_eq!(registry.asked().len(), asked);
}

#[test]
fn a_token_is_fetched_where_the_registry_says_with_the_credentials_of_the_file() {
    let (artifact, folder) = (artifact(), common::scratch("oci"));
    let tokens = Registry::start(|asked| {
        let good = asked.authorization.as_deref() == Some("Basic bWU6c2VjcmV0");
        Some(if good { ok(br#"{"token":"t0k"}"#) } else { status("401 Unauthorized", "") })
    });
    let (honest, realm) = (artifact.clone(), tokens.address);
    let registry = Registry::start(move |asked| {
        Some(match asked.authorization.as_deref() {
            Some("Bearer t0k") => honest.answer(asked),
            _ => status(
                "401 Unauthorized",
                &format!(
                    "WWW-Authenticate: Bearer realm=\"http://{realm}/token\",service=\"r\",scope=\"repository:acme/mask:pull\"\r\n"
                ),
            ),
        })
    });
    let error = pull(Settings::default(), &registry, &artifact).unwrap_err();
    assert!(error.contains("401") && error.contains("name a file with them in registries.credentials"), "{error}");
    let file = folder.join("config.json");
    let auth = json!({ "auths": { (registry.address.to_string()): { "username": "me", "password": "secret" } } });
    std::fs::write(&file, auth.to_string()).unwrap();
    let settings = || Settings { credentials: Some(file.clone()), ..Settings::default() };
    assert_eq!(pull(settings(), &registry, &artifact).as_deref(), Ok(&*artifact.layer));
    assert_eq!(tokens.asked().last().unwrap().target, "/token?service=r&scope=repository:acme/mask:pull");
    std::fs::write(&file, auth.to_string().replace("\"secret\"", "\"wrong\"")).unwrap();
    let error = pull(settings(), &registry, &artifact).unwrap_err();
    assert!(error.contains("are not accepted") && !error.contains("wrong"), "{error}");
}

#[test]
fn who_is_sent_elsewhere_takes_no_credentials_there() {
    let (artifact, folder) = (artifact(), common::scratch("oci"));
    let honest = artifact.clone();
    let storage = Registry::start(move |asked| Some(honest.answer(asked)));
    let (honest, place) = (artifact.clone(), storage.address);
    let registry = Registry::start(move |asked| {
        Some(match asked.authorization.as_deref() {
            Some("Basic bWU6c2VjcmV0") if asked.target.contains("/blobs/") => {
                status("307 Temporary Redirect", &format!("Location: http://{place}{}\r\n", asked.target))
            }
            Some("Basic bWU6c2VjcmV0") => honest.answer(asked),
            _ => status("401 Unauthorized", "WWW-Authenticate: Basic realm=\"r\"\r\n"),
        })
    });
    let file = folder.join("config.json");
    let auth = json!({ "auths": { (registry.address.to_string()): { "auth": "bWU6c2VjcmV0" } } });
    std::fs::write(&file, auth.to_string()).unwrap();
    let settings = Settings { credentials: Some(file), ..Settings::default() };
    assert_eq!(pull(settings, &registry, &artifact).as_deref(), Ok(&*artifact.layer));
    assert_eq!(storage.asked().len(), 1);
    assert_eq!(storage.asked()[0].authorization, None);
}

#[test]
fn what_has_another_digest_is_refused_with_both_and_not_kept() {
    let (artifact, folder) = (artifact(), common::scratch("oci"));
    for (lie, at) in [("manifests", "manifest"), ("blobs", "layer")] {
        let honest = artifact.clone();
        let registry = Registry::start(move |asked| {
            let mut answer = honest.answer(asked);
            if asked.target.contains(lie) {
                *answer.last_mut().unwrap() ^= 1;
            }
            Some(answer)
        });
        let error = pull(cached(&folder), &registry, &artifact).unwrap_err();
        assert!(
            error.contains("the digest of what came is sha256:") && error.contains("was asked for"),
            "{at}: {error}"
        );
    }
    assert_eq!(std::fs::read_dir(folder.join("cache")).unwrap().count(), 1, "the true manifest alone");
}

#[test]
fn a_registry_that_breaks_off_is_asked_again_and_then_said_to_have() {
    let artifact = artifact();
    let honest = artifact.clone();
    let registry = Registry::start(move |asked| {
        let answer = honest.answer(asked);
        Some(answer[..answer.len() - 5].to_vec())
    });
    let error = pull(Settings::default(), &registry, &artifact).unwrap_err();
    assert!(error.contains("it broke off"), "{error}");
    assert_eq!(registry.asked().len(), 3);
    let honest = artifact.clone();
    let count = std::sync::atomic::AtomicU32::new(0);
    let shaky = Registry::start(move |asked| {
        let is_first = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        Some(if is_first { status("503 Service Unavailable", "") } else { honest.answer(asked) })
    });
    assert_eq!(pull(Settings::default(), &shaky, &artifact).as_deref(), Ok(&*artifact.layer));
}

#[test]
fn what_takes_too_long_or_is_too_large_ends() {
    let artifact = artifact();
    let silent = Registry::start(|_| None);
    let settings = Settings { timeout: Duration::from_millis(300), ..Settings::default() };
    let error = pull(settings, &silent, &artifact).unwrap_err();
    assert!(error.contains("no answer within"), "{error}");
    let large = Artifact::of(&vec![7; BYTES_MAX as usize + 1]);
    let honest = large.clone();
    let registry = Registry::start(move |asked| Some(honest.answer(asked)));
    let error = pull(Settings::default(), &registry, &large).unwrap_err();
    assert!(error.contains("the component has 1048577 bytes, and 1048576 may be loaded"), "{error}");
    assert_eq!(registry.asked().len(), 1, "it is not even asked for");
    // It says that it is small, and does not stop.
    let honest = artifact.clone();
    let endless = Registry::start(move |asked| {
        let mut answer = honest.answer(asked);
        if asked.target.contains("blobs") {
            answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
            answer.extend(vec![7; 100_000]);
        }
        Some(answer)
    });
    let error = pull(Settings::default(), &endless, &artifact).unwrap_err();
    assert!(error.contains("it is longer than 19 bytes"), "{error}");
}

#[test]
fn a_registry_that_is_not_there_is_named_with_all_that_was_tried() {
    let (artifact, folder) = (artifact(), common::scratch("oci"));
    let nobody = ports::free();
    let reference: Reference = format!("oci://{nobody}/acme/mask@{}", artifact.digest()).parse().unwrap();
    let error = |settings| Puller::new(settings).pull(&reference, BYTES_MAX).unwrap_err().to_string();
    let said = error(cached(&folder));
    assert!(said.contains(&format!("cannot pull {reference}")), "{said}");
    assert!(said.contains(&format!("http://{nobody}/v2/acme/mask/manifests/")) && said.contains("refused"), "{said}");
    assert!(said.contains("and it is not in the cache"), "{said}");
    assert!(error(Settings::default()).contains("with registries.cache"));
}

/// A component behind a real registry, pushed there by another implementation.
struct Pushed {
    registry: Child,
    host: String,
    oras: PathBuf,
    /// How the registry is spoken to.
    access: Vec<String>,
}

impl Pushed {
    async fn start(test: &str) -> Option<Self> {
        let (program, oras) = (tools::go(test, "registry")?, tools::go(test, "oras")?);
        let address = ports::free();
        let mut command = Command::new(program);
        command.args(["-port", &address.port().to_string()]);
        Some(Self::behind(command, address, address.to_string(), oras, vec!["--plain-http".to_owned()]).await)
    }

    /// The reference implementation, as Debian has it: over TLS, for who knows the password.
    async fn start_with_tls(test: &str, folder: &Path, roots: &Path, identity: &Identity) -> Option<Self> {
        let (program, oras) = (tools::program(test, "docker-registry")?, tools::go(test, "oras")?);
        let address = ports::free();
        std::fs::write(folder.join("htpasswd"), PASSWORD_OF_ME).unwrap();
        let config = json!({
            "version": "0.1",
            "storage": { "filesystem": { "rootdirectory": folder.join("registry") } },
            "http": { "addr": address.to_string(), "tls": { "certificate": identity.certificate, "key": identity.key } },
            "auth": { "htpasswd": { "realm": "tests", "path": folder.join("htpasswd") } },
        });
        std::fs::write(folder.join("registry.yml"), config.to_string()).unwrap();
        let mut command = Command::new(program);
        command.arg("serve").arg(folder.join("registry.yml"));
        let roots = roots.display().to_string();
        let access = ["--ca-file", &roots, "--username", "me", "--password", "secret"].map(str::to_owned);
        // To loopback we would speak without TLS; this is another name for it, on Linux.
        let host = format!("0.0.0.0:{}", address.port());
        Some(Self::behind(command, address, host, oras, access.into()).await)
    }

    async fn behind(
        mut command: Command,
        address: SocketAddr,
        host: String,
        oras: PathBuf,
        access: Vec<String>,
    ) -> Self {
        let registry = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        soon("the registry", async {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        Self { registry, host, oras, access }
    }

    /// What the YAML says.
    fn push(&self, folder: &Path, name: &str, arguments: &[&str]) -> String {
        let target = format!("{}/acme/{name}:v1", self.host);
        let run = |command: &str, arguments: &[&str]| {
            let mut oras = Command::new(&self.oras);
            oras.arg(command).args(&self.access).arg(&target).args(arguments).current_dir(folder);
            let output = oras.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        run("push", arguments);
        let digest = run("resolve", &[]);
        format!("oci://{}/acme/{name}@{digest}", self.host)
    }
}

impl Drop for Pushed {
    fn drop(&mut self) {
        let _ = self.registry.kill();
        let _ = self.registry.wait();
    }
}

#[tokio::test]
async fn a_filter_comes_from_a_real_registry_and_then_from_the_cache() {
    let Some(pushed) = Pushed::start("a_filter_comes_from_a_real_registry_and_then_from_the_cache").await else {
        return;
    };
    let (echo, folder) = (Echo::start().await, common::scratch("oci"));
    std::fs::write(folder.join("mark.wasm"), Guest::counting('p').component()).unwrap();
    std::fs::write(folder.join("next.wasm"), Guest::counting('w').component()).unwrap();
    std::fs::write(folder.join("config.json"), "{}").unwrap();
    let plain = pushed.push(&folder, "plain", &["mark.wasm"]);
    let config = "config.json:application/vnd.wasm.config.v0+json";
    let wasm = pushed.push(&folder, "wasm", &["--config", config, "next.wasm:application/wasm"]);
    let yaml = |reference: &str, registries: &str| {
        format!(
            "listeners: [{{ address: \"{{listen}}\" }}]\nadmin: {{ address: \"{{admin}}\" }}\n{registries}\n\
             filters: {{ mark: {{ wasm: \"{reference}\" }} }}\n\
             routes: [{{ backend: \"ws://{}\", filters: [mark] }}]\n",
            echo.address
        )
    };
    let cache = format!("registries: {{ cache: \"{}\" }}", folder.join("cache").display());
    let belay = Belay::start(&yaml(&plain, &cache)).await;
    let mut client = client::connect(belay.address, "/").await;
    client.send("x".into()).await.unwrap();
    assert_eq!(client::next_text(&mut client).await, "p00000001");
    // Another component, live.
    belay.write(&yaml(&wasm, &cache));
    assert_eq!(belay.post("/config/reload").await.1["outcome"], "applied");
    client.send("x".into()).await.unwrap();
    assert_eq!(client::next_text(&mut client).await, "w00000002");
    drop(pushed);
    // Without the registry: from the cache, or not at all.
    let offline = Belay::start(&yaml(&wasm, &cache)).await;
    let mut client = client::connect(offline.address, "/").await;
    client.send("x".into()).await.unwrap();
    assert_eq!(client::next_text(&mut client).await, "w00000001");
    belay.write(&yaml(&wasm.replace("/wasm@", "/gone@"), ""));
    let (status, answer) = belay.post("/config/reload").await;
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(status == 409 && message.contains("filter mark: cannot pull oci://"), "{answer}");
}

/// `me`, whose password is `secret`, by bcrypt.
const PASSWORD_OF_ME: &str = "me:$2b$04$zWiJma3ImBN.wY5JYjx4veBINpB0pcl9a/RD2Vbu9cc0AGSsk6daa\n";

#[tokio::test]
async fn a_filter_comes_over_tls_from_who_is_trusted_for_who_has_the_password() {
    const TEST: &str = "a_filter_comes_over_tls_from_who_is_trusted_for_who_has_the_password";
    let (echo, folder) = (Echo::start().await, common::scratch("oci"));
    let authority = Authority::new(&folder, "authority");
    let identity = authority.sign("registry", Leaf { address: Some([0, 0, 0, 0].into()), ..Leaf::default() });
    let Some(pushed) = Pushed::start_with_tls(TEST, &folder, &authority.roots, &identity).await else { return };
    std::fs::write(folder.join("mark.wasm"), Guest::counting('t').component()).unwrap();
    let reference = pushed.push(&folder, "mark", &["mark.wasm:application/wasm"]);
    let auth = json!({ "auths": { (&*pushed.host): { "username": "me", "password": "secret" } } });
    std::fs::write(folder.join("config.json"), auth.to_string()).unwrap();
    let yaml = |registries: &str| {
        format!(
            "listeners: [{{ address: \"{{listen}}\" }}]\nadmin: {{ address: \"{{admin}}\" }}\nregistries: {{ {registries} }}\n\
             filters: {{ mark: {{ wasm: \"{reference}\" }} }}\n\
             routes: [{{ backend: \"ws://{}\", filters: [mark] }}]\n",
            echo.address
        )
    };
    let (roots, credentials) = (authority.roots.display(), folder.join("config.json").display().to_string());
    let belay = Belay::start(&yaml(&format!("roots: \"{roots}\", credentials: \"{credentials}\""))).await;
    let mut client = client::connect(belay.address, "/").await;
    client.send("x".into()).await.unwrap();
    assert_eq!(client::next_text(&mut client).await, "t00000001");
    let refused = |registries: String, cause: &'static str| {
        let file = folder.join("refused.yaml");
        let text = yaml(&registries).replace("{listen}", "127.0.0.1:0").replace("{admin}", "127.0.0.1:0");
        std::fs::write(&file, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_belay")).arg("check").arg(&file).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && told.contains(cause), "{cause} in {told}");
    };
    let stranger = Authority::new(&folder, "stranger");
    refused(
        format!("roots: \"{}\", credentials: \"{credentials}\"", stranger.roots.display()),
        "signed by no authority that is trusted here",
    );
    std::fs::write(folder.join("nobody.json"), "{}").unwrap();
    refused(format!("roots: \"{roots}\", credentials: \"{}\"", folder.join("nobody.json").display()), "401");
}
