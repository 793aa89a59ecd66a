//! The known name that somebody may have meant.

/// What went by another name before, and how it is written now.
const RENAMED: [(&str, &str); 1] =
    [("admin.token_file", "secrets are named in one way everywhere: write token: '${file:PATH}'")];

/// What to say about a path that was known once.
pub(super) fn renamed(path: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(before, _)| *before == path).map(|(_, now)| *now)
}

/// What to say about a name that is not known: the nearest one if there is one near, and all of them.
pub(super) fn help<'n>(unknown: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let all = known.join(", ");
    match nearest(unknown, &known) {
        _ if known.is_empty() => "nothing is known here".to_owned(),
        Some(name) => format!("did you mean '{name}'? Known here: {all}"),
        None => format!("known here: {all}"),
    }
}

/// The nearest by edits, if it takes no more than one for each three letters.
pub(super) fn nearest<'n>(unknown: &str, known: &[&'n str]) -> Option<&'n str> {
    let folded = fold(unknown);
    let within = (folded.chars().count() / 3).max(1);
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&folded, &fold(name)), *name))
        .filter(|(distance, _)| *distance <= within)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Case and word marks are what people mix up first: `onFailure`, `on-failure`.
fn fold(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
