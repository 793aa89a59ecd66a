//! Clients that people use, as processes that are told line by line what to do (`say TEXT`, `ping`, `close CODE REASON`)
//! and tell line by line what they see (`open`, `heard TEXT`, `pong`, `closed CODE REASON`).

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use tokio::sync::mpsc;

use crate::common::{soon, tools};

/// One such client.
pub(crate) struct Person {
    child: Child,
    orders: ChildStdin,
    lines: mpsc::UnboundedReceiver<String>,
}

/// What the client is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Library {
    PythonWebsockets,
    NodeWs,
}

impl Person {
    /// Connects; nothing, said aloud, if the library is not there.
    pub(crate) async fn connect(test: &str, library: Library, url: &str) -> Option<Self> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_clients");
        let mut command = match library {
            Library::PythonWebsockets => {
                let mut python = Command::new(tools::python(test, &["websockets"])?);
                python.arg(scripts.join("chat.py"));
                python
            }
            Library::NodeWs => {
                let mut node = tools::node(test, &["ws"])?;
                node.arg(scripts.join("chat.cjs")).env("WS_MODULE", tools::folder().join("node_modules/ws"));
                node
            }
        };
        let mut child = command.arg(url).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (tell, lines) = mpsc::unbounded_channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let orders = child.stdin.take().unwrap();
        let mut person = Self { child, orders, lines };
        person.sees("open").await;
        Some(person)
    }

    pub(crate) fn does(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    pub(crate) fn says(&mut self, text: &str) {
        self.does(&format!("say {text}"));
    }

    /// The next thing that it sees.
    pub(crate) async fn next(&mut self) -> String {
        soon("a sign of the client", self.lines.recv()).await.unwrap_or_else(|| "(gone)".to_owned())
    }

    pub(crate) async fn sees(&mut self, line: &str) {
        assert_eq!(self.next().await, line);
    }

    pub(crate) async fn hears(&mut self, text: &str) {
        self.sees(&format!("heard {text}")).await;
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
