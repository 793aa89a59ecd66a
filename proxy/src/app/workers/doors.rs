//! The sockets that one worker accepts connections on. In a reload some go and others come; those that stay keep whoever
//! waits in the kernel to be accepted.

use std::net::TcpListener;
use std::rc::Rc;

use tokio::task::AbortHandle;

use super::Next;
use crate::dataplane::listener::{self, Turnstile};
use crate::dataplane::worker::Worker;

/// See the module.
#[derive(Default)]
pub(super) struct Doors {
    open: Vec<Option<Door>>,
    /// Of each listener that there is now.
    turnstiles: Vec<Turnstile>,
}

struct Door {
    socket: Rc<tokio::net::TcpListener>,
    accepting: AbortHandle,
}

impl Doors {
    /// Accepts on these from now on, one for each of the worker's listeners: by the limits and routes that they have now.
    pub(super) fn change(&mut self, worker: &Rc<Worker>, next: Vec<Next<TcpListener>>, turnstiles: Vec<Turnstile>) {
        let mut before = std::mem::take(&mut self.open);
        self.turnstiles.clone_from(&turnstiles);
        before.iter().flatten().for_each(|door| door.accepting.abort());
        let table = worker.table();
        for ((listener, next), turnstile) in table.dataplane.listeners.iter().zip(next).zip(turnstiles) {
            let socket = match next {
                Next::Kept(place) => before.get_mut(place).and_then(Option::take).map(|door| door.socket),
                Next::New(socket) => tokio::net::TcpListener::from_std(socket)
                    .inspect_err(|error| {
                        tracing::error!(address = %listener.address, %error, "a worker cannot use its socket");
                    })
                    .ok()
                    .map(Rc::new),
            };
            self.open.push(socket.map(|socket| {
                let run = listener::run(Rc::clone(worker), Rc::clone(&socket), listener.clone(), turnstile);
                Door { socket, accepting: tokio::task::spawn_local(run).abort_handle() }
            }));
        }
    }

    /// Accepts no more.
    pub(super) fn shut(&mut self) {
        self.open.drain(..).flatten().for_each(|door| door.accepting.abort());
    }

    /// Whether clients are connected, to this worker or another.
    pub(super) fn have_connections(&self) -> bool {
        self.turnstiles.iter().any(|turnstile| turnstile.open() > 0)
    }
}
