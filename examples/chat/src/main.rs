//! A small chat backend: rooms of numbered messages over WebSocket, and the page to use them with, on one port.
//!
//! It is an ordinary backend that knows nothing of Belay: the user's name is in a header, put there by whoever checks
//! tokens. Everything is in this process and in one journal file, so that it can be crashed at any time and go on where
//! it was.

mod journal;
mod knock;
mod outage;
mod room;
mod socket;
mod token;
mod web;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use lexopt::ValueExt;
use tokio::net::TcpListener;

use crate::outage::Outage;
use crate::room::Rooms;
use crate::web::Chat;

const USAGE: &str = "\
usage: chat [--listen ADDRESS] [--data FOLDER]

  --listen ADDRESS  where to serve (default 127.0.0.1:9000)
  --data FOLDER     where the journal is kept (default: the current folder)
";

struct Arguments {
    listen: SocketAddr,
    data: PathBuf,
}

fn main() -> ExitCode {
    match arguments().and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments, Error> {
    let mut arguments = Arguments { listen: SocketAddr::from(([127, 0, 0, 1], 9000)), data: PathBuf::from(".") };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            lexopt::Arg::Long("listen") => arguments.listen = parser.value()?.parse()?,
            lexopt::Arg::Long("data") => arguments.data = parser.value()?.into(),
            lexopt::Arg::Long("help") => {
                say(USAGE);
                std::process::exit(0);
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    Ok(arguments)
}

/// Whatever keeps the backend from running; only ever shown.
type Error = Box<dyn std::error::Error + Send + Sync>;

fn run(arguments: Arguments) -> Result<(), Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> Result<(), Error> {
    let chat = Arc::new(Chat { rooms: Rooms::open(&arguments.data)?, outage: Outage::default() });
    loop {
        let listener = TcpListener::bind(arguments.listen).await.map_err(|e| format!("{}: {e}", arguments.listen))?;
        say(&format!("chat on http://{}", listener.local_addr()?));
        let time = tokio::select! {
            never = accept(&chat, &listener) => never,
            time = chat.outage.begun() => time,
        };
        drop(listener);
        say(&format!("out for {} s", time.as_secs()));
        tokio::time::sleep(time).await;
    }
}

async fn accept(chat: &Arc<Chat>, listener: &TcpListener) -> Duration {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of files, most likely: wait for some to be closed.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let chat = Arc::clone(chat);
        tokio::spawn(async move {
            let outage = chat.outage.begun();
            let service = service_fn(|request| web::answer(Arc::clone(&chat), request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
            tokio::select! {
                // A client that broke off is no news.
                _ = connection => {}
                _ = outage => {}
            }
        });
    }
}

/// For whoever started it.
#[expect(clippy::print_stderr, reason = "a program for the terminal")]
fn say(text: &str) {
    eprintln!("{text}");
}
