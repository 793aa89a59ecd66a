//! Clients that people use, as processes that are told line by line what to do (`say TEXT`, `ping`, `close CODE REASON`)
//! and tell line by line what they see (`open`, `heard TEXT`, `pong`, `closed CODE REASON`).

use std::path::Path;
use std::process::Command;

use crate::common::puppet::Puppet;
use crate::common::tools;

/// One such client.
pub(crate) struct Person(Puppet);

/// What the client is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Library {
    PythonWebsockets,
    NodeWs,
}

impl Person {
    /// Connects; nothing, said aloud, if the library is not there.
    pub(crate) async fn connect(test: &str, library: Library, url: &str) -> Option<Self> {
        Self::trusting(test, library, url, None).await
    }

    /// The same, trusting an authority besides, or in place of, those of its system.
    pub(crate) async fn trusting(test: &str, library: Library, url: &str, roots: Option<&Path>) -> Option<Self> {
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
        if let Some(roots) = roots {
            command.env("NODE_EXTRA_CA_CERTS", roots).env("SSL_CERT_FILE", roots);
        }
        let mut person = Self(Puppet::start(command.arg(url)));
        person.sees("open").await;
        Some(person)
    }

    pub(crate) fn does(&mut self, order: &str) {
        self.0.does(order);
    }

    pub(crate) fn says(&mut self, text: &str) {
        self.does(&format!("say {text}"));
    }

    /// The next thing that it sees.
    pub(crate) async fn next(&mut self) -> String {
        self.0.next().await
    }

    pub(crate) async fn sees(&mut self, line: &str) {
        self.0.sees(line).await;
    }

    pub(crate) async fn hears(&mut self, text: &str) {
        self.sees(&format!("heard {text}")).await;
    }
}
