//! Whether a session was treated as promised, by what both of its ends wrote down.

use super::client::Told;
use super::faulty::{Book, End};
use super::{Mode, Session};

/// Everything that is wrong, a line each.
pub(crate) fn of(session: Session, told: &Told, book: &Book) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(format!("{session:?}: {what}"));

    if told.end != "1000" {
        fault(format!("ended by '{}'", told.end));
    }
    to_backend(session.mode, told, book, &mut fault);
    to_client(told, book, &mut fault);
    faults
}

/// Within a connection nothing is missing at all. The next one goes on with the next message, leaves out what is reported,
/// or, where messages are sent again, begins with some that came before.
fn to_backend(mode: Mode, told: &Told, book: &Book, fault: &mut impl FnMut(String)) {
    let mut last = 0;
    let mut missing = 0;
    for (index, connection) in book.connections.iter().enumerate() {
        for pair in connection.heard.windows(2).filter(|pair| pair[1] != pair[0] + 1) {
            fault(format!("connection {index}: the backend heard {} after {}", pair[1], pair[0]));
        }
        let (Some(&first), Some(&end)) = (connection.heard.first(), connection.heard.last()) else { continue };
        match mode {
            Mode::Report if first <= last => fault(format!("connection {index}: the backend heard {first} twice")),
            Mode::Report => missing += u64::from(first - last - 1),
            Mode::Resend if first > last + 1 => fault(format!("the backend missed {}..{first}", last + 1)),
            Mode::Resend => (),
        }
        last = last.max(end);
    }
    missing += u64::from(told.sent - last);
    match mode {
        Mode::Report if missing > told.reported => {
            fault(format!("the backend missed {missing} messages, and only {} were reported", told.reported));
        }
        Mode::Resend if last != told.sent => fault(format!("the backend heard up to {last} of {}", told.sent)),
        _ => (),
    }
}

/// What a connection said before it was reset may be gone before Belay can take it. All else has to arrive.
fn to_client(told: &Told, book: &Book, fault: &mut impl FnMut(String)) {
    for pair in told.heard.windows(2).filter(|pair| pair[1] <= pair[0]) {
        fault(format!("the client heard {} after {}", pair[1], pair[0]));
    }
    let orderly = book.connections.iter().enumerate().filter(|(_, connection)| connection.end == End::Orderly);
    for (index, connection) in orderly {
        let missing: Vec<&u32> = connection.said.iter().filter(|number| !told.heard.contains(number)).collect();
        if !missing.is_empty() {
            fault(format!("the client missed {missing:?} of connection {index}"));
        }
    }
}
