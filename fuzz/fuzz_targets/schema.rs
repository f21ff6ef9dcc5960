//! Schemas of shards, and values that are judged by them. The first line is a schema, the rest a value. A schema that is taken in can be
//! followed, judging by it ends within its steps, and the verdict is that of the validator alone, which knows no bounds.

#![no_main]

use jsonschema::PatternOptions;
use libfuzzer_sys::fuzz_target;
use nexus_fuzz::redact::Classes;
use nexus_fuzz::schema::{Judge, Schema, Verdict};
use serde_json::Value;

fuzz_target!(|text: &str| {
    let (schema, value) = text.split_once('\n').unwrap_or((text, "null"));
    let Ok(schema) = serde_json::from_str::<Value>(schema) else { return };
    let Ok(taken) = Schema::read(schema.clone()) else { return };
    assert_eq!(taken.as_value(), &schema, "it is kept as it came");
    let _ = Classes::of(&taken);
    let Ok(judge) = Judge::new(&taken) else { return };
    let Ok(value) = serde_json::from_str::<Value>(value) else { return };
    let verdict = judge.judge(&value, "the value");
    assert_eq!(judge.judge(&value, "the value"), verdict, "the same each time");
    let bounded = judge.steps(&value).is_ok();
    assert_eq!(bounded, !matches!(verdict, Verdict::TooMuch(_)));
    if !bounded {
        return;
    }
    let mut bare = schema;
    if let Some(keywords) = bare.as_object_mut() {
        for keyword in ["$id", "$schema", "$vocabulary", "id"] {
            keywords.shift_remove(keyword);
        }
    }
    let plain = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .build(&bare)
        .expect("it was built before");
    assert_eq!(plain.is_valid(&value), verdict == Verdict::Fits);
    if let Verdict::Misfit(problems) = verdict {
        assert!((1..=8).contains(&problems.len()), "{problems:?}");
    }
});
