//! The limit of open files, met while it serves: newcomers are told, the log says what to do, and nothing spins.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::bystander::{Scene, Set};
use crate::common::{client, soon};
use crate::{UPGRADE, dial};

/// The hard limit is as it was, which is ours.
fn set_file_limit(pid: u32, files: u64) {
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    let maximum = getrlimit(Resource::Nofile).maximum;
    prlimit(Some(pid), Resource::Nofile, Rlimit { current: Some(files), maximum }).unwrap();
}

/// The number of the file that is held in reserve: the last to be opened of those that are no files.
fn reserve(pid: u32) -> u64 {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(Result::unwrap);
    let nulls = files.filter(|file| std::fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == "/dev/null"));
    nulls.map(|file| file.file_name().to_str().unwrap().parse().unwrap()).max().unwrap()
}

#[tokio::test]
async fn without_a_file_for_them_newcomers_are_told_and_sessions_go_on() {
    let mut scene = Scene::set(Set::default()).await;
    let address = scene.address();
    let pid = scene.belay.pid();
    let few = reserve(pid) + 1;
    assert!(few > 3, "there is a reserve");
    // Less than are open: no further one is to be had, but for one that is closed first.
    set_file_limit(pid, few);
    let (before, begun) = (processor_time(pid), Instant::now());
    let told = scene
        .play("no more files", async move {
            // Whatever numbers were free are taken by these.
            let mut silent = Vec::new();
            for _ in 0..8 {
                silent.push(dial(address).await.unwrap());
            }
            let mut told = 0;
            for _ in 0..20 {
                let mut stream = dial(address).await.unwrap();
                let mut answer = vec![0; 512];
                let _ = stream.write_all(UPGRADE.as_bytes()).await;
                let length = soon("an answer", stream.read(&mut answer)).await.unwrap_or(0);
                told += usize::from(
                    String::from_utf8_lossy(&answer[..length]).ends_with("no file for another connection\n"),
                );
            }
            // Nobody comes, and there is nothing to do.
            tokio::time::sleep(Duration::from_secs(1)).await;
            told
        })
        .await;
    assert!(told > 0, "nobody was told");
    let spent = processor_time(pid).saturating_sub(before);
    let took = begun.elapsed();
    assert!(spent < took.mul_f64(0.8), "{spent:?} of a processor in {took:?}");
    scene.belay.log_with("this process may open no more files: raise its limit").await;
    set_file_limit(pid, 1024);
    scene.belay.metric_reaches(r#"belay_connections_refused_total{reason="files"}"#, told as f64).await;
    drop(client::connect(scene.address(), "/bystander").await);
    scene.echoes().await;
}

fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // utime and stime (proc(5)), in hundredths of a second on every Linux that there is.
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
