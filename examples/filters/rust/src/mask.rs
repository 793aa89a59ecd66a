//! Finds words and puts stars in their place.

/// Masks each of the words wherever it stands, in any case: from left to right, at each place the longest that stands
/// there. Gives how many there were.
pub(crate) fn mask(text: &mut [u8], words: &[String]) -> u64 {
    let (mut at, mut masked) = (0, 0);
    while let Some(rest) = text.get_mut(at..).filter(|rest| !rest.is_empty()) {
        let here = words.iter().filter(|word| begins_with(rest, word)).map(String::len).max();
        if let Some(length) = here {
            rest[..length].fill(b'*');
            masked += 1;
        }
        at += here.unwrap_or(1);
    }
    masked
}

fn begins_with(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}
