//! The count of workers: what the container's CPU limit allows, as the kernel tells it by control groups of either version.
//! Their files are put in the place of the machine's, in a mount namespace of the test's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::process::Command;

use common::backend::Echo;
use common::belay::{Belay, route_to};
use common::tools;

/// What a container with a limit of 1500m sees, by `docker run --cpus 1.5` on either kind of system.
const V2: &str = "
    mkdir -p $cg/pod/belay
    echo cpu > $cg/pod/belay/cgroup.controllers
    echo 150000 100000 > $cg/pod/belay/cpu.max
    echo max 100000 > $cg/pod/cpu.max
    echo 0::/pod/belay > $own
";
const V1: &str = "
    mkdir -p $cg/cpu/pod/belay
    for folder in $cg/cpu $cg/cpu/pod $cg/cpu/pod/belay; do
        echo 100000 > $folder/cpu.cfs_period_us
        echo -1 > $folder/cpu.cfs_quota_us
    done
    echo 150000 > $cg/cpu/pod/belay/cpu.cfs_quota_us
    printf '4:memory:/pod/belay\\n3:cpu:/pod/belay\\n' > $own
";
/// The limit of the pod counts too, which Kubernetes sets when all of its containers have one.
const V2_OF_THE_POD: &str = "
    mkdir -p $cg/pod/belay
    echo cpu > $cg/pod/belay/cgroup.controllers
    echo max 100000 > $cg/pod/belay/cpu.max
    echo 100000 100000 > $cg/pod/cpu.max
    echo 0::/pod/belay > $own
";
const NO_LIMIT: &str = "
    mkdir -p $cg/pod
    echo cpu > $cg/pod/cgroup.controllers
    echo max 100000 > $cg/pod/cpu.max
    echo 0::/pod > $own
";

/// Workers of a Belay that sees these control groups.
async fn workers(groups: &str) -> f64 {
    let echo = Echo::start().await;
    let yaml = route_to(echo.address, "");
    let setup = format!("{MOUNTS}{groups}mount --bind $own /proc/$$/cgroup\nexec \"$@\"\n");
    let belay = Belay::start_with(&yaml, |command| {
        let mut unshared = unshare();
        unshared.args(["sh", "-euc", &setup, "sh"]).arg(command.get_program()).args(command.get_args());
        unshared.current_dir(command.get_current_dir().unwrap()).stdin(std::process::Stdio::null());
        let log = |name| std::fs::File::create(command.get_current_dir().unwrap().join(name)).unwrap();
        unshared.stdout(log("out")).stderr(log("log"));
        *command = unshared;
    })
    .await;
    belay.metrics().await["belay_workers"]
}

const MOUNTS: &str = "
    cg=/sys/fs/cgroup
    mount -t tmpfs none $cg
    own=$cg/own
";

fn unshare() -> Command {
    let mut unshare = Command::new("unshare");
    let user: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    unshare.args(user).arg("--mount");
    unshare
}

/// Whether this machine can tell a limit from none, and lets us play one.
fn can_run(test: &str) -> bool {
    let mut tried = unshare();
    let tried = tried.args(["sh", "-c", "mount -t tmpfs none /sys/fs/cgroup"]).status();
    if !tried.is_ok_and(|status| status.success()) {
        tools::not_run(test, "no mount namespace can be had (unshare --mount)");
        return false;
    }
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        tools::not_run(test, "with one processor there is one worker in any case");
        return false;
    }
    true
}

#[tokio::test]
async fn there_is_a_worker_for_each_whole_processor_of_the_containers_limit() {
    if !can_run("there_is_a_worker_for_each_whole_processor_of_the_containers_limit") {
        return;
    }
    for (system, groups) in [("version 2", V2), ("version 1", V1), ("of the pod", V2_OF_THE_POD)] {
        assert_eq!(workers(groups).await, 1.0, "{system}");
    }
    let processors = std::thread::available_parallelism().unwrap().get();
    assert_eq!(workers(NO_LIMIT).await, processors as f64);
}
