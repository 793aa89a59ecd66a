//! A process that is told line by line what to do, and tells line by line what it sees.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;

use super::soon;

/// One such process. Killed when dropped.
pub struct Puppet {
    child: Child,
    orders: ChildStdin,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Puppet {
    /// Runs it.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (tell, lines) = mpsc::unbounded_channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let orders = child.stdin.take().unwrap();
        Self { child, orders, lines }
    }

    /// Tells it what to do.
    pub fn does(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    /// The next thing that it sees.
    pub async fn next(&mut self) -> String {
        soon("a sign of a process", self.lines.recv()).await.unwrap_or_else(|| "(gone)".to_owned())
    }

    /// What it sees next must be this.
    pub async fn sees(&mut self, line: &str) {
        assert_eq!(self.next().await, line);
    }

    /// Fails the test if it sees anything within this time.
    pub async fn sees_nothing_for(&mut self, time: Duration) {
        if let Ok(line) = tokio::time::timeout(time, self.lines.recv()).await {
            panic!("it sees {line:?}");
        }
    }

    /// Takes its time away (SIGSTOP): its connections stay, and it does nothing.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Gives it back (SIGCONT).
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Asks it to go (SIGTERM).
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        self.kill();
    }
}
