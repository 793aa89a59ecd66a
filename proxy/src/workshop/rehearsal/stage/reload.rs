//! A new version comes, while sessions are open.

use std::collections::HashMap;

use super::{Difference, Stage, impossible};
use crate::wasm::LoadProblem;
use crate::workshop::rehearsal::{compare, say};
use crate::workshop::script::Reload;

impl Stage<'_> {
    pub(super) fn reload(&mut self, reload: &Reload) -> Result<(), Vec<Difference>> {
        let mut states = HashMap::new();
        for (session, state) in &reload.states {
            let Some(actor) = self.sessions.get(session) else {
                return Err(vec![impossible(&format!("there is no session '{session}' whose state it could be"))]);
            };
            states.insert(actor.solo.handshake.session, state.clone());
        }
        let other = match &reload.wasm {
            Some(path) => Some(std::fs::read(path).map_err(|error| vec![impossible(&error.to_string())])?),
            None => None,
        };
        let component = other.as_deref().unwrap_or(self.component);
        let mut spec = self.spec.clone();
        if let Some(config) = &reload.config {
            spec.config = config.clone();
        }
        let outcome = self.host.prepare(&self.loaded, &spec, component).map(|next| self.loaded.serve(next));
        match (outcome, &reload.refused) {
            (Ok(_), None) => {
                self.spec = spec;
                self.scripted.replace_states(states);
                Ok(())
            }
            (Ok(_), Some(wanted)) => {
                let refused = format!("refused: {}", say::text(wanted));
                Err(vec![Difference::new("the new version", refused, "it serves")])
            }
            (Err(error), None) => {
                Err(vec![Difference::new("the new version", "it serves", format!("refused: {}", error.problem))])
            }
            (Err(error), Some(wanted)) => {
                let cause = refused(error.problem).unwrap_or_else(Into::into);
                compare::text("why it is refused", wanted, &cause).map_or(Ok(()), |difference| Err(vec![difference]))
            }
        }
    }
}

/// What `configure` said, or why it was not even asked.
pub(super) fn refused(problem: LoadProblem) -> Result<Box<str>, String> {
    match problem {
        LoadProblem::Config(cause) => Ok(cause),
        problem => Err(problem.to_string()),
    }
}
