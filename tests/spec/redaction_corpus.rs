//! Redaction against a labelled corpus: `tests/corpus/redaction` says what must go and what must stay, and this says how well it
//! does. Shown with `cargo test --test spec -- redaction_corpus --nocapture`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use nexus::redact::Scrubber;
use nexus::secrets::SecretValue;
use serde::Deserialize;

use crate::support::repo;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    kind: Kind,
    input: String,
    /// What must go. None: the input comes back as it was.
    #[serde(default)]
    secrets: Vec<String>,
    /// What must stay beside it.
    #[serde(default)]
    stays: Vec<String>,
    /// What the host holds.
    #[serde(default)]
    needles: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Json,
    Text,
}

impl Case {
    fn read(line: &str) -> Self {
        // Vendors' prefixes are written in two pieces, so that scanners of repositories pass them over.
        let case: Self =
            serde_json::from_str(&line.replace("{+}", "")).unwrap_or_else(|error| panic!("{error}: {line}"));
        for label in case.secrets.iter().chain(&case.stays) {
            assert!(case.input.contains(label.as_str()), "{}: {label:?} is not in its input", case.id);
        }
        if case.kind == Kind::Json {
            assert!(serde_json::from_str::<serde_json::Value>(&case.input).is_ok(), "{}: not JSON", case.id);
        }
        case
    }
}

#[derive(Default)]
struct Score {
    cases: usize,
    /// Secrets that went.
    hits: usize,
    /// Secrets that passed.
    misses: usize,
    /// What should have stayed, and did not.
    excess: usize,
}

impl Score {
    fn precision(&self) -> f64 {
        ratio(self.hits, self.hits + self.excess)
    }

    fn recall(&self) -> f64 {
        ratio(self.hits, self.hits + self.misses)
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

#[test]
#[expect(clippy::disallowed_macros, reason = "the figures are for whoever runs this with --nocapture")]
fn every_labelled_secret_goes_and_everything_else_stays() {
    let mut files: Vec<_> =
        fs::read_dir(repo().join("tests/corpus/redaction")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "jsonl"));
    files.sort();
    let (mut scores, mut total): (BTreeMap<String, Score>, Score) = Default::default();
    let (mut ids, mut inputs, mut wrong) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for file in files {
        let score = scores.entry(file.file_stem().unwrap().to_string_lossy().into_owned()).or_default();
        for line in fs::read_to_string(&file).unwrap().lines() {
            let case = Case::read(line);
            assert!(ids.insert(case.id.clone()), "{} is there twice", case.id);
            assert!(inputs.insert((case.input.clone(), case.needles.clone())), "{} is another's input", case.id);
            let needles: Vec<_> = case.needles.iter().map(|value| SecretValue::new(value.clone()).unwrap()).collect();
            let clean = Scrubber::new(&needles).bytes(case.input.as_bytes()).value;
            let clean = String::from_utf8(clean).unwrap();
            let (missed, went): (Vec<&String>, Vec<&String>) =
                case.secrets.iter().partition(|secret| clean.contains(secret.as_str()));
            let gone = case.stays.iter().filter(|label| !clean.contains(label.as_str())).count();
            let changed = usize::from(case.secrets.is_empty() && clean != case.input);
            score.cases += 1;
            score.hits += went.len();
            score.misses += missed.len();
            score.excess += gone + changed;
            if !missed.is_empty() || gone + changed > 0 {
                wrong.push(format!("{}: {:?} became {clean:?}", case.id, case.input));
            }
        }
    }
    eprintln!("{:<22} {:>6} {:>8} {:>10} {:>8}", "theme", "cases", "secrets", "precision", "recall");
    for (theme, score) in &scores {
        let n_secrets = score.hits + score.misses;
        eprintln!("{theme:<22} {:>6} {n_secrets:>8} {:>10.3} {:>8.3}", score.cases, score.precision(), score.recall());
        total.cases += score.cases;
        total.hits += score.hits;
        total.misses += score.misses;
        total.excess += score.excess;
    }
    eprintln!("{} cases: precision {:.3}, recall {:.3}", total.cases, total.precision(), total.recall());
    assert!(total.cases >= 1_200, "{} cases", total.cases);
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), total.cases, wrong.join("\n"));
    assert_eq!((total.precision(), total.recall()), (1.0, 1.0));
}
