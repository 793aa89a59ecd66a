//! The Helm chart, by the real Helm and against a real API server with etcd, all three built from the Go module proxy:
//! `charts/tests` says what is tested. If it is asked for, on a node too: a real kubelet, with Debian's containerd and runc.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::report::{self, Verdict};
use super::tools;
use crate::{Outcome, workspace};

const HELM: &str = "helm.sh/helm/v3/cmd/helm@v3.22.0";
/// As `charts/tests/go.mod` has it. A build of one's own does not know its version, which charts may ask for.
const KUBERNETES: (&str, &str, &str) = ("1", "36", "v1.36.3");
/// Programs that a node needs, and the packages that have them.
const OF_A_NODE: [(&str, &str); 3] = [("containerd", "containerd"), ("runc", "runc"), ("ip", "iproute2")];
/// Where Debian has the plugins that give pods a network.
const NETWORK_PLUGINS: (&str, &str) = ("/usr/lib/cni/bridge", "containernetworking-plugins");

/// What the tests are run with.
struct Go {
    program: PathBuf,
    /// With Helm on it.
    path: std::ffi::OsString,
    /// For whatever of Kubernetes is linked.
    flags: String,
}

/// Builds what is not built, and runs the chart's tests.
pub(super) fn run() -> Verdict {
    let go = match Go::with_helm() {
        Ok(go) => go,
        Err(why) => return Verdict::NotRun(why),
    };
    let mut test = go.tests();
    let belay = workspace::program("belay");
    if belay.exists() {
        test.env("BELAY_PROGRAM", belay);
    } else {
        report::not_run("helm test", "belay has not been built (cargo xtask test build chart)");
    }
    let mut queries = Command::new(&go.program);
    queries.args(["test", "-count=1", "./..."]).current_dir(folder().join("monitoring"));
    super::one(&mut test).and(super::one(&mut queries))
}

/// The chart's test on a node alone, with the program of this build, or that of the image if it was built.
pub(super) fn run_on_a_node() -> Verdict {
    let kubelet =
        Go::with_helm().and_then(|go| install_node().and_then(|()| go.kubelet()).map(|kubelet| (go, kubelet)));
    let (go, kubelet) = match kubelet {
        Ok(both) => both,
        Err(why) => return Verdict::NotRun(why),
    };
    let image =
        workspace::target().join("image/root").join(if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" });
    let belay = [image.join("usr/bin/belay"), workspace::program("belay")].into_iter().find(|program| program.exists());
    let Some(belay) = belay else { return Verdict::NotRun("belay has not been built".into()) };
    println!("{} on a node", belay.display());
    let mut test = go.tests();
    super::one(test.args(["-run", "OnANode", "-v"]).env("BELAY_PROGRAM", belay).env("BELAY_KUBELET", kubelet))
}

fn folder() -> PathBuf {
    workspace::root().join("charts/tests")
}

/// As root, and on Debian.
fn install_node() -> Outcome {
    for (name, package) in OF_A_NODE {
        tools::program(name, package)?;
    }
    let (plugin, package) = NETWORK_PLUGINS;
    if Path::new(plugin).exists() { Ok(()) } else { tools::debian(package) }
}

impl Go {
    fn with_helm() -> Result<Self, String> {
        let program = workspace::on_path("go").ok_or("there is no Go")?;
        let bin = tools::folder().join("bin");
        if !bin.join("helm").exists() {
            println!("building Helm, for about two minutes");
            tools::run(Command::new(&program).args(["install", HELM]).env("GOBIN", &bin))
                .map_err(|why| format!("Helm could not be built from the Go module proxy: {why}"))?;
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path)));
        let (major, minor, version) = KUBERNETES;
        let flags = [("gitMajor", major), ("gitMinor", minor), ("gitVersion", version)]
            .map(|(name, value)| format!("-X k8s.io/component-base/version.{name}={value}"))
            .join(" ");
        Ok(Self { program, path: path.map_err(|error| error.to_string())?, flags })
    }

    /// Run anew each time: what they read is not all in their module, and Go would not see it change.
    fn tests(&self) -> Command {
        println!("building a Kubernetes API server if it is not built, for about six minutes");
        let mut test = Command::new(&self.program);
        test.args(["test", "-count=1", "-ldflags", &self.flags, "."]).current_dir(folder()).env("PATH", &self.path);
        test
    }

    /// In a module of its own: what it depends on is not for the tests' list.
    fn kubelet(&self) -> Result<PathBuf, String> {
        let kubelet = tools::folder().join("bin/kubelet");
        if kubelet.exists() {
            return Ok(kubelet);
        }
        println!("building a kubelet, for about six minutes");
        let module = workspace::target().join("kubelet");
        std::fs::create_dir_all(&module).map_err(|error| format!("{}: {error}", module.display()))?;
        for file in ["go.mod", "go.sum"] {
            std::fs::copy(folder().join(file), module.join(file)).map_err(|error| format!("{file}: {error}"))?;
        }
        let mut build = Command::new(&self.program);
        build
            .args(["build", "-mod=mod", "-ldflags", &self.flags, "-o"])
            .arg(&kubelet)
            .arg("k8s.io/kubernetes/cmd/kubelet");
        tools::run(build.current_dir(module)).map_err(|why| format!("no kubelet could be built: {why}"))?;
        Ok(kubelet)
    }
}
