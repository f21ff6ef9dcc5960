//! How long an argument of a prompt may be, on both sides of each bound.

use std::collections::BTreeMap;

use crate::prompts::Prompts;
use nexus_shard_documents::{Documents, PromptError};

fn prompt(name: &str, argument: &str, value: &str) -> Result<String, PromptError> {
    let arguments = BTreeMap::from([(argument.to_owned(), value.to_owned())]);
    Prompts::prompt(name, &arguments).map(|texts| texts.concat())
}

#[test]
fn an_argument_of_a_prompt_is_as_long_as_its_bound_and_no_longer() {
    let address = |n: usize| format!("{}@nexus.corp", "t".repeat(n - 11));
    for (name, argument, most, more) in [
        ("audit_leaver_check", "email", address(254), address(255)),
        ("audit_weekly_review", "focus", "é".repeat(200), "é".repeat(201)),
    ] {
        assert!(prompt(name, argument, &most).unwrap().contains(&most), "{name}");
        assert!(matches!(prompt(name, argument, &more), Err(PromptError::InvalidArguments(_))), "{name}");
    }
}
