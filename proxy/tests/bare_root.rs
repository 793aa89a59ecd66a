//! The program with next to nothing around it, as its image has it: in a root of its own that is read-only, as user 65532,
//! with no capabilities and no way to get any. What there is besides is a configuration and a folder to write to, mounted.
//!
//! This build's program is tried, with the libraries that it was linked with; and the images' roots, if `BELAY_IMAGE` names
//! where `cargo xtask image` has put them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "helpers of tests")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::backend::Echo;
use common::belay::{Belay, route_to};
use common::{client, scratch, tools};
use futures_util::SinkExt;

/// Enters `$root` as the image's user, with `$folder` as its volumes, and becomes the program that the arguments name.
const ENTER: &str = "
    mount --make-rprivate /
    mount --bind $root $root
    mount --bind $folder $root/etc/belay/config
    mount -o remount,bind,ro $root/etc/belay/config
    mount --bind $folder/cache $root/var/cache/belay
    mount -o remount,bind,ro $root
    exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid --inh-caps=-all \\
        chroot --userspec=65532:65532 --groups= $root \"$@\"
";

/// A filter that ships, so that components are compiled, and kept where it may be written.
const EXTRA: &str = "filter_cache: /var/cache/belay
filters: { limit: { use: rate-limit, config: { rate: 1000/s, burst: 1000 } } }
";

/// How programs of a root are started.
struct Image {
    root: PathBuf,
    /// What runs them, inside; nothing if this machine does itself.
    emulator: Option<&'static str>,
}

impl Image {
    /// A command that runs the image's program in it.
    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let cache = folder.join("cache");
        std::fs::create_dir_all(&cache).unwrap();
        std::os::unix::fs::chown(&cache, Some(65532), Some(65532)).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-euc", ENTER, "sh"]).args(self.emulator).arg("/usr/bin/belay").args(arguments);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("root", &self.root).env("folder", folder).stdin(Stdio::null());
        command
    }

    fn says(&self, arguments: &[&str]) -> String {
        let folder = scratch("bare");
        let echo = "127.0.0.1:9".parse().unwrap();
        let yaml = format!("{}{EXTRA}", route_to(echo, "    filters: [limit]\n"));
        let yaml = yaml.replace("{listen}", "127.0.0.1:1").replace("{admin}", "127.0.0.1:2");
        std::fs::write(folder.join("belay.yaml"), yaml).unwrap();
        let output = self.command(&folder, arguments).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        let _ = std::fs::remove_dir_all(folder);
        said
    }

    /// Everything that must work from there: its version, a check, and a session with a filter until SIGTERM.
    async fn is_tried(&self) {
        assert!(self.says(&["--version"]).starts_with("belay "));
        let checked = self.says(&["check", "/etc/belay/config/belay.yaml"]);
        assert!(checked.starts_with("ok: 1 listener, 1 route, 1 filter"), "{checked}");

        let echo = Echo::start().await;
        let yaml = format!("{}{EXTRA}drain: {{ over: 0s }}\n", route_to(echo.address, "    filters: [limit]\n"));
        let mut belay = Belay::start_with(&yaml, |command| {
            let folder = command.get_current_dir().unwrap().to_owned();
            let mut inside = self.command(&folder, &["run", "/etc/belay/config/belay.yaml"]);
            inside.stdout(Stdio::null()).stderr(std::fs::File::create(folder.join("log")).unwrap());
            *command = inside;
        })
        .await;
        let status = std::fs::read_to_string(format!("/proc/{}/status", belay.pid())).unwrap();
        for line in [
            "Uid:\t65532\t65532\t65532\t65532",
            "CapPrm:\t0000000000000000",
            "CapEff:\t0000000000000000",
            "NoNewPrivs:\t1",
        ] {
            assert!(status.contains(line), "{line} is not in\n{status}");
        }
        let mut client = client::connect(belay.address, "/").await;
        client.send("from next to nothing".into()).await.unwrap();
        assert_eq!(client::next_text(&mut client).await, "from next to nothing");
        let compiled = std::fs::read_dir(belay.folder.join("cache")).unwrap().count();
        assert!(compiled > 0, "no compiled filter was kept");
        belay.terminate();
        assert_eq!(client::closed(&mut client).await.map(|(code, _)| code), Some(1001));
        assert!(belay.ended().await.success());
    }
}

/// Whether this machine lets us make roots.
fn can_run(test: &str) -> bool {
    let may = rustix::process::geteuid().is_root()
        && Command::new("unshare")
            .args(["--mount", "setpriv", "--bounding-set=-all", "true"])
            .status()
            .is_ok_and(|s| s.success());
    if !may {
        tools::not_run(
            test,
            "only root can enter another root (unshare, setpriv and chroot of Debian's util-linux and coreutils)",
        );
    }
    may
}

/// This build's program with what it is linked with, as `ldd` says.
fn of_this_build() -> Image {
    let root = scratch("root");
    let program = Path::new(env!("CARGO_BIN_EXE_belay"));
    for folder in ["usr/bin", "etc/belay/config", "var/cache/belay"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    std::fs::copy(program, root.join("usr/bin/belay")).unwrap();
    let linked = Command::new("ldd").arg(program).output().unwrap();
    for word in String::from_utf8(linked.stdout).unwrap().split_whitespace().filter(|word| word.starts_with('/')) {
        let place = root.join(&word[1..]);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::copy(word, place).unwrap();
    }
    Image { root, emulator: None }
}

#[tokio::test]
async fn belay_serves_from_a_read_only_root_as_nobody_with_nothing_else_in_it() {
    if !can_run("belay_serves_from_a_read_only_root_as_nobody_with_nothing_else_in_it") {
        return;
    }
    let image = of_this_build();
    image.is_tried().await;
    std::fs::remove_dir_all(image.root).unwrap();
}

#[tokio::test]
async fn the_images_that_were_built_serve_so_too() {
    let test = "the_images_that_were_built_serve_so_too";
    // Building them takes longer than all tests: who builds them has them tried.
    let Some(images) = std::env::var_os("BELAY_IMAGE") else { return };
    assert!(can_run(test), "the images were to be tried");
    for (arch, machine, emulator) in [("amd64", "x86_64", None), ("arm64", "aarch64", Some("qemu-aarch64-static"))] {
        let root = Path::new(&images).join("root").join(arch);
        if !root.exists() {
            continue;
        }
        let mut image = Image { root, emulator: None };
        if machine != std::env::consts::ARCH {
            let Some(program) = emulator.and_then(|name| tools::program(&format!("{test}, {arch}"), name)) else {
                continue;
            };
            let copy = scratch("root");
            let copied = Command::new("cp").args(["-a"]).arg(image.root.join(".")).arg(&copy).status();
            assert!(copied.unwrap().success());
            std::fs::copy(program, copy.join("emulator")).unwrap();
            image = Image { root: copy, emulator: Some("/emulator") };
        }
        image.is_tried().await;
        eprintln!("{arch}: it starts and serves in its own root");
        if image.emulator.is_some() {
            std::fs::remove_dir_all(image.root).unwrap();
        }
    }
}
