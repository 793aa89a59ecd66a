//! The Helm chart, by the real Helm and against a real API server with etcd, all three built from the Go module proxy:
//! `charts/tests` says what is tested.

use std::process::Command;

use super::report::{self, Verdict};
use super::tools;
use crate::workspace;

const HELM: &str = "helm.sh/helm/v3/cmd/helm@v3.22.0";
/// As `charts/tests/go.mod` has it. A build of one's own does not know its version, which charts may ask for.
const KUBERNETES: (&str, &str, &str) = ("1", "36", "v1.36.3");

/// Builds what is not built, and runs the chart's tests.
pub(super) fn run() -> Verdict {
    let Some(go) = workspace::on_path("go") else { return Verdict::NotRun("there is no Go".into()) };
    let bin = tools::folder().join("bin");
    if !bin.join("helm").exists() {
        println!("building Helm, for about two minutes");
        let built = Command::new(&go).args(["install", HELM]).env("GOBIN", &bin).status();
        if !built.is_ok_and(|status| status.success()) {
            return Verdict::NotRun("Helm could not be built from the Go module proxy, see above".into());
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Ok(path) = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path))) else {
        return Verdict::failed("PATH cannot be joined");
    };
    println!("building a Kubernetes API server if it is not built, for about six minutes");
    let (major, minor, version) = KUBERNETES;
    let flags = [("gitMajor", major), ("gitMinor", minor), ("gitVersion", version)]
        .map(|(name, value)| format!("-X k8s.io/component-base/version.{name}={value}"))
        .join(" ");
    let folder = workspace::root().join("charts/tests");
    let mut test = Command::new(&go);
    test.args(["test", "-ldflags", &flags, "./..."]).current_dir(&folder).env("PATH", path);
    let belay = workspace::program("belay");
    if belay.exists() {
        test.env("BELAY_PROGRAM", belay);
    } else {
        report::not_run("helm test", "belay has not been built (cargo xtask test build chart)");
    }
    let mut queries = Command::new(&go);
    queries.args(["test", "./..."]).current_dir(folder.join("monitoring"));
    super::one(&mut test).and(super::one(&mut queries))
}
