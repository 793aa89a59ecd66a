//! Whatever a file has become by slips of hand, reading it ends with a configuration or with mistakes that have places.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::*;

const ROUNDS: u64 = 3_000;

/// What slips into YAML.
const SLIPS: [&str; 26] = [
    "\t",
    "\n",
    " ",
    "  ",
    ":",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "'",
    "\"",
    "#",
    "&a ",
    "*a",
    "<<: *hold",
    "!x ",
    "|",
    ">",
    "0",
    "-1",
    "null",
    "off",
    "é",
    "\u{0}",
];

#[test]
fn no_slip_of_the_hand_is_too_much() {
    let texts: Vec<(PathBuf, String)> =
        files("good").into_iter().map(|path| (path.clone(), super::read(&path))).collect();
    for seed in 0..ROUNDS {
        let mut random = StdRng::seed_from_u64(seed);
        let (path, text) = texts.choose(&mut random).unwrap();
        let mut text = text.clone();
        for _ in 0..random.random_range(1..5) {
            text = mutate(&text, &mut random);
        }
        let Err(mistakes) = parse(&text, path) else { continue };
        assert!(!mistakes.list().is_empty(), "seed {seed}: refused without a reason\n{text}");
        for mistake in mistakes.list() {
            let help = mistake.help.as_deref().unwrap_or_default();
            assert!(!help.contains("compare the file"), "seed {seed}: the walk let through\n{mistakes}\n{text}");
        }
        assert!(!mistakes.render(Colour::Ansi).is_empty());
    }
}

fn mutate(text: &str, random: &mut StdRng) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return SLIPS.choose(random).unwrap().to_string();
    }
    let index = random.random_range(0..lines.len());
    let other = random.random_range(0..lines.len());
    match random.random_range(0..7) {
        0 => drop(lines.remove(index)),
        1 => lines.insert(other, lines[index].clone()),
        2 => lines.swap(index, other),
        3 => lines[index].insert_str(0, "  "),
        4 => lines[index] = lines[index].trim_start().to_owned(),
        kind => {
            let line = &mut lines[index];
            let places: Vec<usize> = line.char_indices().map(|(at, _)| at).collect();
            let at = places.choose(random).copied().unwrap_or(0);
            if kind == 5 {
                line.insert_str(at, SLIPS.choose(random).unwrap());
            } else {
                line.truncate(at);
            }
        }
    }
    lines.join("\n")
}
