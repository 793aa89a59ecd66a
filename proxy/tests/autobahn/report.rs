//! The suite's report, compared case by case with what is expected of each.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// Without 12.* and 13.*; fewer would mean that something was not played.
const CASES: usize = 301;

/// What the suite's `index.json` says of a case.
#[derive(Deserialize)]
struct Case {
    behavior: String,
    #[serde(rename = "behaviorClose")]
    close: String,
    reportfile: String,
}

/// The specification leaves these open and the suite passes no judgement: a long message after a close frame (7.1.6), and
/// close codes that nobody has registered (7.13).
const LEFT_OPEN: [&str; 3] = ["7.1.6", "7.13.1", "7.13.2"];

/// A good message and a bad frame right behind it. Strictly, the echo of the one comes before the end for the other; but the
/// echo comes from the other side of a proxy, and the end does not wait for it: the suite calls that `NON-STRICT`.
const ECHO_FROM_AFAR: [&str; 10] = ["3.2", "3.3", "3.4", "4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4", "4.2.5", "5.15"];

/// Fails with every case that did not end as expected.
pub(crate) fn check(folder: &Path) {
    let index = std::fs::read_to_string(folder.join("index.json")).expect("the suite writes a report");
    let agents: BTreeMap<String, BTreeMap<String, Case>> = serde_json::from_str(&index).unwrap();
    let cases: Vec<(&String, &Case)> = agents.values().flatten().collect();
    assert_eq!(cases.len(), CASES, "not every case was played");

    let wrong: Vec<String> = cases
        .iter()
        .filter(|(id, case)| !case.ended_well(id))
        .map(|(id, case)| format!("{id}: {} / {}: {}", case.behavior, case.close, why(folder, case)))
        .collect();
    assert!(wrong.is_empty(), "{} cases (see {}):\n{}", wrong.len(), folder.display(), wrong.join("\n"));
    let _ = std::fs::remove_dir_all(folder);
}

impl Case {
    fn ended_well(&self, id: &str) -> bool {
        match (&*self.behavior, &*self.close) {
            ("OK", "OK") => true,
            ("INFORMATIONAL", "INFORMATIONAL") => LEFT_OPEN.contains(&id),
            ("NON-STRICT", "OK") => ECHO_FROM_AFAR.contains(&id),
            _ => false,
        }
    }
}

/// The suite's own words about one case.
fn why(folder: &Path, case: &Case) -> String {
    let details = std::fs::read_to_string(folder.join(&case.reportfile)).unwrap_or_default();
    let details: serde_json::Value = serde_json::from_str(&details).unwrap_or_default();
    let said = |key: &str| details[key].as_str().unwrap_or_default().to_owned();
    format!("{} {}", said("result"), said("resultClose"))
}
