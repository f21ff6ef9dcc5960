use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::work::{MAX_DEPTH, MAX_STEPS, TooMuch};
use super::*;

fn refused(schema: &Value) -> BadSchema {
    Schema::read(schema.clone()).expect_err("it was taken")
}

#[track_caller]
fn judge(schema: &Value) -> Judge {
    Judge::new(&Schema::read(schema.clone()).unwrap()).unwrap()
}

fn to(name: impl std::fmt::Display) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// `n` definitions, each made from its number.
fn defs(n: usize, make: impl Fn(usize) -> Value) -> Value {
    Value::Object((0..n).map(|at| (at.to_string(), make(at))).collect::<Map<_, _>>())
}

/// Lists in lists.
fn nested(n: usize) -> Value {
    (0..n).fold(json!(1), |inner, _| json!([inner]))
}

#[test]
fn what_comes_back_to_itself_without_looking_into_the_value_is_refused() {
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let schema = json!({ "$defs": { "a": { (keyword): [{}, to("a")] } }, "properties": { "x": to("a") } });
        assert!(matches!(refused(&schema), BadSchema::Endless { .. }), "{schema}");
    }
    for keyword in ["not", "if", "then", "else"] {
        let schema = json!({ "$defs": { "a": { (keyword): to("a") } }, "properties": { "x": to("a") } });
        assert!(matches!(refused(&schema), BadSchema::Endless { .. }), "{schema}");
    }
    for schema in [
        json!({ "$ref": "#" }),
        json!({ "$defs": { "a": to("a") }, "items": to("a") }),
        json!({ "$defs": { "a": to("b"), "b": to("c"), "c": to("a") }, "items": to("a") }),
        json!({ "dependentSchemas": { "x": { "$ref": "#" } } }),
        json!({ "allOf": [{ "anyOf": [{ "$ref": "#" }] }] }),
    ] {
        let error = refused(&schema);
        assert!(matches!(error, BadSchema::Endless { .. }), "{schema}: {error}");
    }
}

#[test]
fn what_recurses_into_the_value_is_taken_and_judged() {
    for schema in [
        json!({ "type": "object", "properties": { "children": { "type": "array", "items": { "$ref": "#" } } }, "additionalProperties": false }),
        json!({ "$ref": "#/$defs/a", "$defs": { "a": { "type": "object", "additionalProperties": { "items": to("a") } } } }),
    ] {
        let judge = judge(&schema);
        let mut tree = json!({});
        for _ in 0..30 {
            tree = json!({ "children": [tree] });
        }
        assert_eq!(judge.judge(&tree, "it"), Verdict::Fits, "{schema}");
        let wrong = json!({ "children": [{ "children": [7] }] });
        assert!(matches!(judge.judge(&wrong, "it"), Verdict::Misfit(_)), "{schema}");
    }
}

#[test]
fn schemas_that_apply_to_one_value_are_counted_with_references_followed() {
    // Twice as many with each step.
    let doubling = |n: usize| {
        let defs = defs(n + 1, |at| if at == 0 { json!({}) } else { json!({ "allOf": [to(at - 1), to(at - 1)] }) });
        json!({ "$defs": defs, "properties": { "x": to(n) } })
    };
    assert!(Schema::read(doubling(6)).is_ok());
    let error = refused(&doubling(8));
    assert!(matches!(error, BadSchema::FansOut { .. }), "{error}");
    assert!(error.to_string().contains("\"/$defs/"), "{error}");
    assert!(matches!(refused(&doubling(30)), BadSchema::Chain { .. }));
    // Side by side: the place itself, and so many below it.
    let side = |n: usize| json!({ "anyOf": vec![json!({}); n] });
    assert!(Schema::read(side(MAX_HERE - 1)).is_ok());
    assert!(matches!(refused(&side(MAX_HERE)), BadSchema::FansOut { .. }));
    // In a row.
    let row = |n: usize| json!({ "$defs": defs(n, |at| if at == 0 { json!({}) } else { to(at - 1) }), "$ref": format!("#/$defs/{}", n - 1) });
    assert!(Schema::read(row(MAX_HERE_DEPTH - 1)).is_ok());
    assert!(matches!(refused(&row(MAX_HERE_DEPTH)), BadSchema::Chain { .. }));
    assert!(matches!(refused(&row(900)), BadSchema::Chain { .. }));
}

#[test]
fn each_count_has_its_bound() {
    let named = |n: usize| Value::Object((0..n).map(|at| (format!("p{at}"), json!({}))).collect());
    let all = json!({ "properties": named(MAX_PROPERTIES) });
    assert!(Schema::read(all).is_ok());
    assert!(matches!(refused(&json!({ "properties": named(MAX_PROPERTIES + 1) })), BadSchema::Properties { .. }));
    let referring = |n: usize| json!({ "$defs": { "a": {} }, "properties": Value::Object((0..n).map(|at| (format!("p{at}"), to("a"))).collect()) });
    assert!(Schema::read(referring(MAX_REFERENCES)).is_ok());
    assert!(matches!(refused(&referring(MAX_REFERENCES + 1)), BadSchema::References { .. }));
    // One place in six spellings.
    let led_to = |n: usize| {
        let to = |to: &str| json!({ "$ref": to });
        json!({ "$defs": { "a": { "enum": vec![json!(1); n - 2] } }, "items": { "anyOf": [
            to("#/$defs/a"), to("#/%24defs/a"), to("#/$%64efs/a"), to("#/$d%65fs/a"), to("#/$de%66s/a"), to("#/$def%73/a"),
        ] } })
    };
    assert!(Schema::read(led_to(MAX_LED_TO / 6)).is_ok());
    assert!(matches!(refused(&led_to(MAX_LED_TO / 6 + 1)), BadSchema::LedTo { .. }));
    let patterns = |n: usize| json!({ "patternProperties": named(n) });
    assert!(Schema::read(patterns(MAX_PATTERNS)).is_ok());
    assert!(matches!(refused(&patterns(MAX_PATTERNS + 1)), BadSchema::Patterns { .. }));
    // The object, its list, and what the list holds.
    let values = |n: usize| json!({ "enum": vec![json!(1); n - 2] });
    assert!(Schema::read(values(MAX_VALUES)).is_ok());
    assert_eq!(refused(&values(MAX_VALUES + 1)), BadSchema::Values);
    let deep = |n: usize| json!({ "default": nested(n - 1) });
    assert!(Schema::read(deep(MAX_NESTING)).is_ok());
    assert!(matches!(refused(&deep(MAX_NESTING + 1)), BadSchema::Nesting { .. }));
    let bytes = |n: usize| json!({ "title": "x".repeat(n - "title".len()) });
    assert!(Schema::read(bytes(MAX_BYTES)).is_ok());
    assert_eq!(refused(&bytes(MAX_BYTES + 1)), BadSchema::Bytes);
    let pattern = |n: usize| json!({ "pattern": "x".repeat(n) });
    assert!(Schema::read(pattern(1024)).is_ok());
    assert!(matches!(refused(&pattern(1025)), BadSchema::Pattern { .. }));
}

#[test]
fn a_reference_leads_to_a_place_of_the_same_schema() {
    for reference in ["#", "#/$defs/a", "#/$defs/a%62", "#/$defs/x~1y"] {
        let schema = json!({ "$defs": { "a": {}, "ab": {}, "x/y": true }, "items": { "$ref": reference } });
        judge(&schema).judge(&json!([[1]]), "it");
    }
    for (reference, expected) in [
        ("https://example.com/schema", "Reference"),
        ("https://json-schema.org/draft/2020-12/schema", "Reference"),
        ("other.json#/a", "Reference"),
        ("#anchor", "Reference"),
        ("", "Reference"),
        ("#/$defs/none", "Nowhere"),
        ("#/$defs", "ok"),
        ("#/title", "Nowhere"),
    ] {
        let schema = json!({ "title": "t", "$defs": { "a": {} }, "items": { "$ref": reference } });
        let found = match Schema::read(schema) {
            Ok(_) => "ok",
            Err(BadSchema::Reference { .. }) => "Reference",
            Err(BadSchema::Nowhere { .. }) => "Nowhere",
            Err(error) => panic!("{reference}: {error}"),
        };
        assert_eq!(found, expected, "{reference}");
    }
}

#[test]
fn what_gives_a_place_another_name_or_draft_is_refused_wherever_it_stands() {
    for (name, value) in [
        ("$dynamicAnchor", json!("a")),
        ("$dynamicRef", json!("#a")),
        ("$recursiveRef", json!("#")),
        ("$recursiveAnchor", json!(true)),
    ] {
        for schema in [
            json!({ (name): value }),
            json!({ "items": { (name): value } }),
            json!({ "$defs": { "unused": { (name): value } } }),
        ] {
            assert!(matches!(refused(&schema), BadSchema::Keyword { .. }), "{schema}");
        }
    }
    for (name, value) in [("$id", "https://x.test/a"), ("$schema", "http://json-schema.org/draft-04/schema#")] {
        assert!(
            matches!(refused(&json!({ "$defs": { "a": { (name): value } } })), BadSchema::Keyword { .. }),
            "{name}"
        );
        // Of the whole it says nothing that holds here.
        let top = json!({ (name): value, "type": "object" });
        assert_eq!(judge(&top).judge(&json!({}), "it"), Verdict::Fits, "{name}");
    }
    // An anchor that nothing may refer to is a word and no more.
    let anchored = json!({
        "items": { "$ref": "#/$defs/a" },
        "$defs": { "a": { "$anchor": "a", "type": "string" } },
    });
    assert_eq!(judge(&anchored).judge(&json!(["x"]), "it"), Verdict::Fits);
    assert!(matches!(judge(&anchored).judge(&json!([1]), "it"), Verdict::Misfit(_)));
    // Properties of these names are properties.
    let named = json!({ "properties": { "$id": { "type": "string" }, "$anchor": {}, "$schema": true } });
    assert_eq!(judge(&named).judge(&json!({ "$id": "x" }), "it"), Verdict::Fits);
    for schema in
        [json!({ "format": "regex" }), json!({ "dependencies": { "a": ["b"] } }), json!({ "additionalItems": false })]
    {
        assert!(matches!(refused(&schema), BadSchema::Keyword { .. }), "{schema}");
    }
}

#[test]
fn what_is_no_schema_is_refused_with_its_place() {
    for (schema, place) in [
        (json!({ "properties": { "a": 1 } }), "/properties/a"),
        (json!({ "properties": [] }), "/properties"),
        (json!({ "anyOf": {} }), "/anyOf"),
        (json!({ "items": [{}] }), "/items"),
        (json!({ "allOf": [true, "x"] }), "/allOf/1"),
        (json!({ "properties": { "a/b~c": { "not": null } } }), "/properties/a~1b~0c/not"),
    ] {
        assert_eq!(refused(&schema), BadSchema::NoSchema { place: place.to_owned() }, "{schema}");
    }
    for (schema, at) in [
        (json!({ "type": "strin" }), "/type"),
        (json!({ "minimum": "1" }), "/minimum"),
        (json!({ "required": [1] }), "/required/0"),
        (json!({ "properties": { "a/b": { "items": { "maxLength": -1 } } } }), "/properties/a~1b/items/maxLength"),
        (json!({ "$defs": { "unused": { "enum": 1 } } }), "/$defs/unused/enum"),
    ] {
        let error = Judge::new(&Schema::read(schema.clone()).unwrap()).err();
        assert!(matches!(&error, Some(BadSchema::Invalid { place, .. }) if place == at), "{schema}: {error:?}");
    }
}

#[test]
fn a_pattern_is_bounded_by_the_automaton_that_it_becomes() {
    for pattern in ["^[A-Z]{2}$", "^[^@]+@[^@]+$", "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "^\\w{1,64}$"] {
        judge(&json!({ "pattern": pattern }));
    }
    for pattern in ["(((a{1,100}){1,100}){1,100})", "\\p{L}{1000}", "(", "(?=a)b", "(a)\\1"] {
        let schema = Schema::read(json!({ "properties": { "x": { "pattern": pattern } } })).unwrap();
        let error = Judge::new(&schema).err();
        assert!(
            matches!(&error, Some(BadSchema::Pattern { place, .. }) if place == "/properties/x"),
            "{pattern}: {error:?}"
        );
    }
}

/// Values whose judgement is too much although the schema is small and the value, too; each with a smaller one that is judged.
#[test]
fn work_is_counted_before_it_is_done() {
    // Each level is judged by two alternatives, each of which judges the next level by two.
    let twice = json!({ "anyOf": [{ "items": { "$ref": "#" }, "minItems": 9 }, { "items": { "$ref": "#" }, "minItems": 9 }, true] });
    // Objects that could be made to look alike to a hash.
    let unique = json!({ "uniqueItems": true });
    let objects = |n: usize| Value::Array((0..n).map(|at| json!({ "n": at })).collect());
    let pattern = json!({ "items": { "pattern": "^(a|b|ab)*[ab]{40}c$" } });
    let texts = |n: usize| json!(["ab".repeat(n)]);
    let many = json!({ "items": { "enum": (0..2_000).collect::<Vec<_>>() } });
    let numbers = |n: usize| Value::Array(vec![json!(-1); n]);
    let members = json!({ "patternProperties": { "^a": { "minimum": 1 }, "^b": { "minimum": 1 } }, "propertyNames": { "pattern": "^[a-z0-9]{1,64}$" } });
    let named = |n: usize| Value::Object((0..n).map(|at| (format!("a{at:060}"), json!(1))).collect::<Map<_, _>>());
    let leftover = json!({ "items": { "$ref": "#/$defs/14" }, "$defs": defs(15, |at| if at == 0 { json!({}) } else {
        json!({ "allOf": [to(at - 1)], "unevaluatedProperties": {} })
    }) });
    for (name, schema, few, lots) in [
        ("twice", twice, nested(12), nested(60)),
        ("unique", unique, objects(1_000), objects(20_000)),
        ("pattern", pattern, texts(200), texts(2_000_000)),
        ("enum", many, numbers(1_000), numbers(100_000)),
        ("names", members, named(1_000), named(100_000)),
        ("leftover", leftover, json!([]), json!(vec![json!({}); 100])),
    ] {
        let judge = judge(&schema);
        assert!(judge.steps(&few).is_ok(), "{name}");
        let start = Instant::now();
        assert_eq!(judge.judge(&lots, "it"), Verdict::TooMuch(TooMuch::Steps), "{name}");
        // A bound in words: counting is not the work that it prevents.
        assert!(start.elapsed() < Duration::from_secs(20), "{name}: {:?}", start.elapsed());
    }
}

#[test]
fn the_way_down_is_bounded_for_it_is_a_stack() {
    let schema = json!({ "items": { "allOf": [{ "allOf": [{ "allOf": [{ "$ref": "#" }] }] }] } });
    let judge = judge(&schema);
    // Five schemas for each list.
    let deepest = MAX_DEPTH / 5;
    assert!(judge.steps(&nested(deepest)).is_ok());
    assert_eq!(judge.steps(&nested(deepest + 1)), Err(TooMuch::Depth));
}

/// The deepest value that is judged fits the stack of a thread of the runtime, also where everything is wrong.
#[test]
fn the_deepest_judgement_fits_a_small_stack() {
    let schemas = [
        json!({ "items": { "$ref": "#" }, "type": ["array", "integer"] }),
        json!({ "anyOf": [{ "allOf": [{ "items": { "$ref": "#" }, "maxItems": 1, "type": ["array", "string"] }] }] }),
        json!({ "oneOf": [{ "$ref": "#/$defs/a" }], "$defs": { "a": { "items": { "$ref": "#" }, "type": "array" } } }),
        json!({ "allOf": [{ "not": { "not": { "items": { "$ref": "#" }, "type": "array" } } }], "unevaluatedItems": { "$ref": "#" } }),
        json!({ "if": { "items": { "$ref": "#" } }, "then": { "items": { "$ref": "#" }, "type": "array" }, "else": false }),
    ];
    for schema in schemas {
        let judging = move || {
            let judge = judge(&schema);
            let mut judged = 0;
            for depth in [127, 120, 100, 80, 60, 40, 20, 10, 5, 2, 1] {
                let value = nested(depth);
                if judge.steps(&value).is_ok_and(|steps| steps < 100_000) {
                    judge.judge(&value, "it");
                    judged += 1;
                }
            }
            judged
        };
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(judging).unwrap();
        assert!(thread.join().unwrap() > 1);
    }
}

/// The largest schemas that are taken are compiled on a small stack, too, and in no time to speak of.
#[test]
fn what_is_taken_is_compiled() {
    let deep = |keyword: &str, n: usize| (0..n).fold(json!({}), |inner, _| json!({ (keyword): inner }));
    let fanning = |n: usize| {
        let below = |at: usize| json!({ "properties": { "a": to(at - 1), "b": to(at - 1) } });
        json!({ "$ref": format!("#/$defs/{}", n - 1), "$defs": defs(n, |at| if at == 0 { json!({}) } else { below(at) }) })
    };
    let chain = |n: usize| {
        let below = |at: usize| json!({ "properties": { "a": to(at - 1) } });
        json!({ "$ref": format!("#/$defs/{}", n - 1), "$defs": defs(n, |at| if at == 0 { json!({}) } else { below(at) }) })
    };
    let wide = json!({ "properties": Value::Object((0..4_000).map(|n| (format!("p{n}"), json!({ "type": ["string", "null"] }))).collect()) });
    for schema in [
        deep("items", MAX_NESTING),
        deep("not", MAX_HERE_DEPTH - 1),
        deep("additionalProperties", MAX_NESTING),
        fanning(8),
        fanning(16),
        fanning(400),
        chain(900),
        wide,
    ] {
        let compiling = move || {
            let start = Instant::now();
            let judge = judge(&schema);
            assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
            judge.judge(&json!({ "a": { "b": {} } }), "it");
        };
        std::thread::Builder::new().stack_size(2 << 20).spawn(compiling).unwrap().join().unwrap();
    }
}

#[test]
fn problems_are_told_by_place_and_without_values() {
    let schema = json!({ "properties": { "a": { "type": "string" } }, "required": ["b"] });
    let Verdict::Misfit(problems) = judge(&schema).judge(&json!({ "a": 4711 }), "the arguments") else { panic!() };
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().all(|problem| !problem.contains("4711")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.starts_with("/a: ")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.starts_with("the arguments: ")), "{problems:?}");
    // Of many only some are told, and of very many none.
    let list = judge(&json!({ "items": { "type": "string" } }));
    let Verdict::Misfit(some) = list.judge(&Value::Array(vec![json!(1); 100]), "it") else { panic!() };
    assert_eq!(some.len(), 8);
    let Verdict::Misfit(large) = list.judge(&Value::Array(vec![json!(1); 100_000]), "it") else { panic!() };
    assert_eq!(large, ["it: does not fit the schema, and is too large to say where"]);
}

#[test]
fn the_count_is_no_less_than_what_is_visited() {
    // One step for each schema that meets a value, and one for each part of the value.
    let schema = json!({ "type": "object", "properties": { "a": { "type": "array", "items": { "anyOf": [true, { "type": "null" }] } } } });
    let steps = judge(&schema).steps(&json!({ "a": [1, 2, 3] })).unwrap();
    assert!((12..100).contains(&steps), "{steps}");
}

/// What an honest shard returns at most is far below the bounds.
#[test]
#[expect(clippy::disallowed_macros, reason = "figures for people")]
fn ten_thousand_rows_are_judged() {
    let field = |n: usize| match n % 4 {
        0 => json!({ "type": "string", "minLength": 1, "x-nexus-class": "person" }),
        1 => json!({ "type": ["string", "null"], "format": "date-time" }),
        2 => {
            json!({ "anyOf": [{ "type": "null" }, { "type": "object", "properties": { "id": { "type": "string" } }, "required": ["id"], "additionalProperties": false }] })
        }
        _ => json!({ "type": "string", "enum": ["active", "inactive", "unknown"] }),
    };
    let value = |n: usize| match n % 4 {
        0 => json!("Anna Jansen"),
        1 => json!("2026-11-30T22:00:00Z"),
        2 => json!({ "id": "4f0c7c1e" }),
        _ => json!("active"),
    };
    let names: Vec<_> = (0..20).map(|n| format!("field_{n}")).collect();
    let properties: Map<_, _> = names.iter().enumerate().map(|(n, name)| (name.clone(), field(n))).collect();
    let row: Map<_, _> = names.iter().enumerate().map(|(n, name)| (name.clone(), value(n))).collect();
    let row_schema =
        json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": false });
    let judge = judge(&json!({ "type": "object", "properties": { "rows": { "type": "array", "items": row_schema } } }));
    let rows = json!({ "rows": vec![Value::Object(row); 10_000] });
    let start = Instant::now();
    let steps = judge.steps(&rows).unwrap();
    let counted = start.elapsed();
    assert_eq!(judge.judge(&rows, "it"), Verdict::Fits);
    let text = rows.to_string();
    let weight = crate::json::weigh(&text, usize::MAX).unwrap();
    let weighed = Instant::now();
    crate::json::parse(&text, usize::MAX).unwrap();
    println!(
        "{} MiB: {steps} steps, counted in {counted:?}, counted twice and judged in {:?}; {weight:?}, read in {:?}",
        text.len() >> 20,
        start.elapsed(),
        weighed.elapsed()
    );
    assert!(steps < MAX_STEPS / 20, "{steps}");
    assert!(weight.tree < 20 * text.len(), "{weight:?} of {}", text.len());
}
