//! Debian's packages, fetched by apt into a folder of our own: the machine's own sources, lists and packages stay as they
//! are. Which mirror to ask is taken from the machine's configuration.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::output;

/// Asked when the machine's own configuration names none.
const MIRROR: &str = "http://deb.debian.org/debian";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Apt with lists of its own.
pub(crate) struct Apt {
    place: PathBuf,
}

impl Apt {
    /// Knows what trixie's backports have, and nothing else: what is taken from there are sources, good on any release.
    pub(crate) fn with_backports(place: &Path) -> Result<Self, String> {
        let mirror = mirror();
        Self::start(place, &format!("deb [signed-by={KEYRING}] {mirror} trixie-backports main\n"))
    }

    /// Knows what this very release has, with its updates.
    pub(crate) fn with_this_release(place: &Path) -> Result<Self, String> {
        let release =
            std::fs::read_to_string("/etc/os-release").map_err(|error| format!("/etc/os-release: {error}"))?;
        let name = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
        let name = name.ok_or("/etc/os-release has no VERSION_CODENAME")?;
        let mirror = mirror();
        let suites = [(mirror.clone(), name.to_owned()), (mirror + "-security", format!("{name}-security"))];
        let sources = suites.map(|(mirror, suite)| format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n"));
        Self::start(place, &sources.concat())
    }

    /// The first of the packages that a package depends on whose name begins like this.
    pub(crate) fn dependency(&self, package: &str, beginning: &str) -> Result<String, String> {
        let list = output(self.command("apt-cache").args(["depends", "--important", package]))?;
        let mut names = list.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        let name = names.find(|name| name.starts_with(beginning));
        name.map(str::to_owned).ok_or_else(|| format!("{package} depends on no {beginning}…"))
    }

    /// The newest version of a package.
    pub(crate) fn newest(&self, package: &str) -> Result<String, String> {
        let table = output(self.command("apt-cache").args(["madison", package]))?;
        let version = table.lines().find_map(|line| line.split('|').nth(1));
        version.map(|version| version.trim().to_owned()).ok_or_else(|| format!("Debian has no {package} here"))
    }

    fn start(place: &Path, sources: &str) -> Result<Self, String> {
        if !Path::new(KEYRING).is_file() {
            return Err(format!("this takes a Debian machine: there is no {KEYRING}"));
        }
        for folder in ["lists/partial", "cache/archives/partial", "packages"] {
            std::fs::create_dir_all(place.join(folder)).map_err(|error| format!("{}: {error}", place.display()))?;
        }
        std::fs::write(place.join("sources.list"), sources).map_err(|error| format!("{}: {error}", place.display()))?;
        let apt = Self { place: place.to_owned() };
        output(apt.command("apt-get").args(["update", "--error-on=any"]))?;
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let settings = [
            ("Dir::State", ""),
            ("Dir::State::lists", "lists"),
            ("Dir::Cache", "cache"),
            ("Dir::Etc::sourcelist", "sources.list"),
        ];
        for (name, file) in settings {
            let mut setting = OsString::from(format!("{name}="));
            setting.push(self.place.join(file));
            command.arg("-o").arg(setting);
        }
        command.args(["-o", "Dir::Etc::sourceparts=/dev/null", "-o", "APT::Sandbox::User=root"]);
        command
    }

    /// The newest version of a package that begins like this.
    pub(crate) fn version_beginning(&self, package: &str, version: &str) -> Result<String, String> {
        let table = output(self.command("apt-cache").args(["madison", package]))?;
        let versions: Vec<&str> = table.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim).collect();
        // 1.9.0 must not find 1.9.01.
        let fits = |found: &&&str| found.strip_prefix(version).is_some_and(|rest| rest.starts_with(['+', '-', '~']));
        let found =
            versions.iter().find(fits).ok_or_else(|| format!("Debian has {package} {versions:?}, but no {version}"))?;
        Ok((*found).to_owned())
    }

    /// Fetches a package and unpacks these of its files; all of them if none is named.
    pub(crate) fn unpack(&self, package: &str, to: &Path, files: &[&str]) -> Result<(), String> {
        let folder = self.place.join("packages");
        let _ = std::fs::remove_dir_all(&folder);
        let problem = |error: std::io::Error| format!("{}: {error}", folder.display());
        std::fs::create_dir_all(&folder).map_err(problem)?;
        output(self.command("apt-get").arg("download").arg(package).current_dir(&folder))?;
        let mut fetched = std::fs::read_dir(&folder).map_err(problem)?.flatten();
        let archive = fetched.next().ok_or_else(|| format!("apt fetched no {package}"))?.path();
        let tar = folder.join("files.tar");
        let mut extract = Command::new("dpkg-deb");
        extract.arg("--fsys-tarfile").arg(&archive).stdout(std::fs::File::create(&tar).map_err(problem)?);
        crate::build::run(&mut extract)?;
        std::fs::create_dir_all(to).map_err(problem)?;
        let mut extract = Command::new("tar");
        extract.arg("-x").arg("-f").arg(&tar).arg("-C").arg(to);
        if !files.is_empty() {
            extract.arg("--wildcards").args(files);
        }
        output(&mut extract)?;
        std::fs::remove_dir_all(&folder).map_err(problem)
    }
}

/// The mirror of Debian that the machine itself uses.
fn mirror() -> String {
    let targets =
        output(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]));
    let targets = targets.unwrap_or_default();
    let mirror = targets.lines().map(|line| line.trim_end_matches('/')).find(|line| line.ends_with("/debian"));
    mirror.unwrap_or(MIRROR).to_owned()
}
