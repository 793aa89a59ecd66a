//! What the tests need besides Rust, installed under `target/test-tools` in the versions that are pinned in
//! `proxy/tests/tools`. What cannot be installed is said; the tests that need it then say that they were not run.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::workspace;

/// Checks the dependencies by `deny.toml`. Built without optimisation: it has little to do.
const CARGO_DENY: &str = "0.20.2";

/// Where they are.
pub(crate) fn folder() -> PathBuf {
    std::env::var_os("BELAY_TEST_TOOLS").map_or_else(|| workspace::target().join("test-tools"), PathBuf::from)
}

/// Python packages, Node modules, and what Debian has.
pub(super) fn install() {
    let installs = [
        ("Python packages", python as fn() -> Result<(), String>),
        ("Node modules", node),
        ("Mosquitto", || program("mosquitto", "mosquitto")),
        ("ngIRCd", || program("ngircd", "ngircd")),
        ("RabbitMQ", || program("rabbitmq-server", "rabbitmq-server")),
        ("Go", || program("go", "golang-go")),
        ("a registry with TLS", || program("docker-registry", "docker-registry")),
        ("a registry and what pushes to it", go),
        ("Chromium", || chromium().map(drop)),
        ("netcat", || program("nc", "netcat-openbsd")),
    ];
    for (what, install) in installs {
        if let Err(why) = install() {
            eprintln!("{what} could not be installed: {why}");
        }
    }
}

fn python() -> Result<(), String> {
    let wanted = workspace::root().join("proxy/tests/tools/requirements.txt");
    let venv = folder().join("venv");
    once(&[&wanted], &venv.join("installed"), || {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        run(Command::new(venv.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&wanted))
    })
}

fn node() -> Result<(), String> {
    let tools = workspace::root().join("proxy/tests/tools");
    let wanted = [tools.join("package.json"), tools.join("package-lock.json")];
    once(&[&wanted[0], &wanted[1]], &folder().join("node_modules/installed"), || {
        std::fs::create_dir_all(folder()).map_err(|error| error.to_string())?;
        for file in &wanted {
            let name = file.file_name().unwrap_or_default();
            std::fs::copy(file, folder().join(name)).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder()))
    })
}

/// What is built of Go modules. After Go itself.
fn go() -> Result<(), String> {
    let wanted = workspace::root().join("proxy/tests/tools/go.txt");
    let place = folder().join("go");
    once(&[&wanted], &place.join("installed"), || {
        let names = std::fs::read_to_string(&wanted).map_err(|error| error.to_string())?;
        names.lines().try_for_each(|name| {
            println!("building {name}");
            run(Command::new("go").args(["install", name]).env("GOBIN", place.join("bin")))
        })
    })
}

/// A browser that can be driven: the one on PATH, or Debian's if we may install it.
pub(super) fn chromium() -> Result<PathBuf, String> {
    let find = || ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(workspace::on_path);
    if let Some(browser) = find() {
        return Ok(browser);
    }
    debian("chromium")?;
    find().ok_or_else(|| "Debian's chromium is not on PATH".into())
}

/// A program that tests run, and the package that has it.
pub(crate) fn program(name: &str, package: &str) -> Result<(), String> {
    // Debian keeps servers where not every user's PATH looks.
    let is_server = Path::new("/usr/sbin").join(name).is_file();
    if is_server || workspace::on_path(name).is_some() { Ok(()) } else { debian(package) }
}

/// Installs a package of Debian's if we may.
pub(super) fn debian(package: &str) -> Result<(), String> {
    if !rustix::process::geteuid().is_root() || workspace::on_path("apt-get").is_none() {
        return Err(format!("there is no {package} on PATH (on Debian: apt-get install {package})"));
    }
    println!("installing {package} from Debian");
    let quiet = |arguments: &[&str]| {
        run(Command::new("apt-get").args(["-q", "-y"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    quiet(&["update"])?;
    quiet(&["install", "--no-install-recommends", package])
}

/// cargo-deny, built if it is not there.
pub(super) fn cargo_deny() -> Option<PathBuf> {
    let program = folder().join("bin/cargo-deny");
    let built = Command::new(&program)
        .arg("--version")
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim().ends_with(CARGO_DENY));
    if built {
        return Some(program);
    }
    println!("building cargo-deny {CARGO_DENY}, for about two minutes");
    let result = run(workspace::cargo()
        .args(["install", "--quiet", "--locked", "--debug", "--no-default-features", "--force", "--root"])
        .arg(folder())
        .arg(format!("cargo-deny@{CARGO_DENY}")));
    match result {
        Ok(()) => Some(program),
        Err(why) => {
            eprintln!("cargo-deny could not be built: {why}");
            None
        }
    }
}

/// Whether the database of known holes could be brought here.
pub(super) fn fetch_advisories(deny: &Path) -> bool {
    let mut fetch = Command::new(deny);
    fetch.current_dir(workspace::root()).args(["fetch", "db"]).stdout(Stdio::null()).stderr(Stdio::null());
    fetch.status().is_ok_and(|status| status.success())
}

/// Installs if `stamp` is not what these files hold now.
pub(crate) fn once(wanted: &[&Path], stamp: &Path, install: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let mut now = Vec::new();
    for file in wanted {
        now.extend(std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?);
    }
    if std::fs::read(stamp).is_ok_and(|then| then == now) {
        return Ok(());
    }
    install()?;
    std::fs::write(stamp, now).map_err(|error| format!("{}: {error}", stamp.display()))
}

pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let name = Path::new(command.get_program()).file_name().map(OsStr::to_os_string).unwrap_or_default();
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} ended with {status}", name.display())),
        Err(error) => Err(format!("cannot run {}: {error}", name.display())),
    }
}
