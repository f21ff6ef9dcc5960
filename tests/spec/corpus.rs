//! Hostile components, each with one escape: what comes of it, and what of its honest twin. A neighbour, the identity
//! shard, is called before, meanwhile and afterwards, and answers right.
//!
//! `tests/guests/corpus` is a guest whose escape is a constant in its data, and `tests/guests/raw` holds components by
//! hand. Each is copied, its tools get a prefix of their own, and the guest in Rust its escape: so each row is another
//! component, and many serve in one process.

pub(crate) mod row;
mod rows;

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::mcp::{self, Http};
use crate::support::spellings::assert_no_secret;
use crate::support::table::{self, Attempt, Neighbour};
use crate::support::upstream::Upstream;
use crate::support::{Nexus, Serving, guest, repo};
use row::{Ask, Control, Ending, Row};

/// How long a neighbour's call may take, whatever another shard does: a hundred times what it takes alone.
pub(crate) const NEIGHBOUR: Duration = Duration::from_secs(2);
/// No answer is longer than what its limit of 1 MiB becomes in two forms of JSON.
const LONGEST_ANSWER: usize = 3 << 20;

/// The prefix that both guests have for their tools, and so long is that of each row.
const PREFIX: &str = "corpus_";

/// A component of the corpus in an installation.
pub(crate) struct Component {
    shard: String,
    prefix: String,
}

/// What was patched in holds exactly once, so that nothing else changes.
fn patched(mut binary: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at: Vec<_> = (0..binary.len() - from.len()).filter(|at| binary[*at..].starts_with(from)).collect();
    assert_eq!(at.len(), 1, "{:?} stands {} times in the component", String::from_utf8_lossy(from), at.len());
    binary[at[0]..at[0] + to.len()].copy_from_slice(to);
    binary
}

/// Adds one component under a number of its own.
pub(crate) fn install(nexus: &Nexus, number: usize, escape: &str, edits: &[(&str, &str)]) -> Component {
    let (shard, prefix) = (format!("x{number:05}"), format!("x{number:05}_"));
    let folder = nexus.path("shards").join(&shard);
    fs::create_dir(&folder).unwrap();
    let mut manifest = fs::read_to_string(guest("corpus").join("shard.toml")).unwrap();
    manifest = manifest.replace("name = \"corpus\"", &format!("name = \"{shard}\"")).replace(PREFIX, &prefix);
    let binary = if let Some(raw) = escape.strip_prefix("raw-") {
        manifest = manifest.replace("[prompts]\n\n[resources]\n", "");
        let binary = fs::read(guest("raw").join(format!("{raw}.wasm"))).unwrap();
        patched(binary, b"corpus_go", format!("{prefix}go").as_bytes())
    } else {
        let binary = fs::read(guest("corpus").join("corpus.wasm")).unwrap();
        let marker = |prefix: &str, escape: &str| format!("{:64}", format!("NEXUS-ESCAPE:{prefix}:{escape}"));
        patched(binary, marker(PREFIX, "names").as_bytes(), marker(&prefix, escape).as_bytes())
    };
    for (from, to) in edits {
        assert!(manifest.contains(from), "{escape}: {from} is not in {manifest}");
        manifest = manifest.replace(from, to);
    }
    fs::write(folder.join("corpus.wasm"), binary).unwrap();
    fs::write(folder.join("shard.toml"), manifest).unwrap();
    Component { shard, prefix }
}

/// How a request to a component ended, in the words of the table.
pub(crate) fn ended(client: &Http, component: &Component, ask: Ask, n: u64) -> String {
    let Component { shard, prefix } = component;
    let capable = json!({ "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} } });
    let (method, params) = match ask {
        Ask::Call => {
            ("tools/call", json!({ "name": format!("{prefix}go"), "arguments": { "n": n }, "_meta": capable }))
        }
        Ask::Prompt if n == 0 => ("prompts/get", json!({ "name": format!("{prefix}prompt") })),
        Ask::Prompt => ("prompts/get", json!({ "name": format!("{prefix}prompt"), "arguments": { "n": "1" } })),
        Ask::Document => {
            let which = if n == 0 { "honest" } else { "hostile" };
            ("resources/read", json!({ "uri": format!("corpus://{shard}/{which}") }))
        }
    };
    let reply = client.send(&mcp::request(1, method, params));
    assert!(reply.text.len() < LONGEST_ANSWER, "{shard}: an answer of {} bytes", reply.text.len());
    let answer = reply.answer();
    if let Some(error) = answer.get("error") {
        let message = error["message"].as_str().unwrap();
        return message.split(':').next().unwrap().to_owned();
    }
    let result = &answer["result"];
    if let Some(code) = result["_meta"]["nexus/error"].as_str() {
        assert_eq!(result["isError"], true, "{result:#}");
        assert!(result.get("structuredContent").is_none_or(Value::is_null), "{result:#}");
        return code.to_owned();
    }
    let text = [
        &result["structuredContent"]["told"],
        &result["messages"][0]["content"]["text"],
        &result["contents"][0]["text"],
    ];
    match text.iter().find_map(|text| text.as_str()) {
        Some(text) => text.to_owned(),
        None if result["inputRequests"].is_object() => "asked".to_owned(),
        None => panic!("{shard}: {result:#}"),
    }
}

/// One call of the neighbour, which is answered right.
fn call_neighbour(client: &Http, neighbour: &mut Neighbour) {
    let start = Instant::now();
    let users = client.call("entra_list_users", json!({ "limit": 1 }));
    neighbour.answered(start.elapsed());
    assert_eq!(users["structuredContent"]["users"].as_array().map(Vec::len), Some(1), "{users:#}");
}

/// Makes a row's attempt, with a neighbour beside it: how it ended, and how the neighbour fared.
fn attempt(server: &Serving, component: &Component, row: &Row) -> (String, Neighbour) {
    let mut neighbour = Neighbour::default();
    let client = server.client();
    call_neighbour(&client, &mut neighbour);
    let how = thread::scope(|scope| {
        let hostile = scope.spawn(|| ended(&server.client(), component, row.ask, row.n));
        while !hostile.is_finished() {
            call_neighbour(&client, &mut neighbour);
        }
        hostile.join().unwrap()
    });
    call_neighbour(&client, &mut neighbour);
    (how, neighbour)
}

/// An installation with every component of these rows, and what it can say afterwards.
struct Group {
    nexus: Nexus,
    /// The component of each row, and that of its control where it is another.
    components: Vec<(Component, Option<Component>)>,
}

impl Group {
    fn new(nexus: Nexus, rows: &[Row]) -> Self {
        let mut number = 0;
        let mut add = |escape: &str, edits: &[(&str, &str)]| {
            number += 1;
            install(&nexus, number, escape, edits)
        };
        let components = rows
            .iter()
            .map(|row| {
                let control = match &row.control {
                    Control::Less(..) => None,
                    Control::Twin(escape, _) => Some(add(escape, row.edits)),
                    Control::Allowed(edits, _) => Some(add(row.escape, edits)),
                };
                (add(row.escape, row.edits), control)
            })
            .collect();
        Self { nexus, components }
    }

    /// Makes every attempt and its control.
    fn run(&self, rows: &[Row]) -> (Serving, Vec<Attempt>) {
        // The ledger has one writer, so this is asked first.
        let left_out = self.left_out();
        let server = self.nexus.serve();
        let client = server.client();
        let mut attempts = Vec::new();
        let mut wrong = Vec::new();
        for (row, (component, control)) in rows.iter().zip(&self.components) {
            let (seen, neighbour) = match &row.ending {
                Ending::Out(..) => {
                    let mut neighbour = Neighbour::default();
                    call_neighbour(&client, &mut neighbour);
                    let reason = left_out.iter().find(|(shard, _)| *shard == component.shard);
                    (reason.map_or("serves".to_owned(), |(_, reason)| format!("stays out: {reason}")), neighbour)
                }
                Ending::Listed(_) => {
                    let mut neighbour = Neighbour::default();
                    call_neighbour(&client, &mut neighbour);
                    (self.description(&client, component), neighbour)
                }
                Ending::Fails(_) | Ending::Told(_) => attempt(&server, component, row),
            };
            if !row.ending.is(&seen) {
                wrong.push(format!("{}: {seen:.300}, and not {}", row.escape, row.ending.words()));
            }
            if neighbour.slowest > NEIGHBOUR {
                wrong.push(format!("{}: a neighbour's call took {:?}", row.escape, neighbour.slowest));
            }
            let (twin, n, told) = match &row.control {
                Control::Less(n, told) => (component, *n, told),
                Control::Twin(_, told) | Control::Allowed(_, told) => (control.as_ref().unwrap(), row.n, told),
            };
            let said = ended(&client, twin, row.ask, n);
            if said != *told {
                wrong.push(format!("{}: its control says {said:.300}, and not {told}", row.escape));
            }
            attempts.push(Attempt {
                name: row.escape.to_owned(),
                tries: row.tries.to_owned(),
                holds: row.holds.to_owned(),
                result: row.ending.words(),
                neighbour,
            });
        }
        assert!(wrong.is_empty(), "{}\n\nthe log:\n{}", wrong.join("\n"), server.log());
        let verified = self.nexus.run(&["audit", "verify"]);
        assert_eq!(verified.code, Some(0), "{verified:#?}");
        (server, attempts)
    }

    /// Names of shards that are out, and why.
    fn left_out(&self) -> Vec<(String, String)> {
        let listed = self.nexus.run(&["shards", "--json"]);
        let listed: Value = serde_json::from_str(&listed.stdout).unwrap_or_else(|_| panic!("{listed:#?}"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let left = listed["left_out"].as_array().unwrap().iter();
        left.map(|left| (text(&left["name"]), text(&left["reason"]))).collect()
    }

    /// What a component's tool says of itself.
    fn description(&self, client: &Http, component: &Component) -> String {
        let tools = client.rpc("tools/list", json!({}));
        let tools = tools["result"]["tools"].as_array().unwrap();
        let name = format!("{}go", component.prefix);
        let tool = tools.iter().find(|tool| tool["name"] == name.as_str());
        tool.map_or("is not listed".to_owned(), |tool| tool["description"].as_str().unwrap().to_owned())
    }
}

/// Makes every attempt of a kind, in one process, and compares the table with it.
fn check(title: &str, nexus: Nexus, rows: &[Row]) -> (Group, Serving) {
    let group = Group::new(nexus, rows);
    let (server, attempts) = group.run(rows);
    table::check(title, &attempts);
    (group, server)
}

#[test]
fn no_escape_is_without_a_row() {
    let nexus = Nexus::new();
    install(&nexus, 1, "names", &[]);
    let called = nexus.call("x00001_go", json!({}));
    let mut guests: BTreeSet<String> = called.data()["told"].as_str().unwrap().split(' ').map(str::to_owned).collect();
    for entry in fs::read_dir(repo().join("tests/guests/raw")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        guests.insert(format!("raw-{}", file.strip_suffix(".wat").unwrap()));
    }
    // The last has a test of its own.
    for no_escape in ["names", "honest", "raw-base", "raw-honest", "list-changing"] {
        assert!(guests.remove(no_escape), "{no_escape}");
    }
    let controls = rows::all().filter_map(|row| match row.control {
        Control::Twin(escape, _) => Some(escape),
        Control::Less(..) | Control::Allowed(..) => None,
    });
    let rows: BTreeSet<_> = rows::all().map(|row| row.escape).chain(controls).map(str::to_owned).collect();
    let without: Vec<_> = guests.difference(&rows).collect();
    assert!(without.is_empty(), "escapes without a row: {without:?}");
    assert!(rows::all().count() >= 60);
}

#[test]
fn each_section_of_the_table_is_made_by_a_test() {
    let tests: String = fs::read_dir(repo().join("tests/spec"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let sections = table::sections();
    assert!(sections.len() >= 11, "{sections:?}");
    for title in sections {
        assert!(tests.contains(&format!("\"{title}\"")), "no test makes the section {title}");
    }
}

#[test]
fn who_does_not_come_back_harms_one_call_of_its_own() {
    check("Time", Nexus::identity(), rows::TIME);
}

#[test]
fn who_takes_memory_gets_its_own_share() {
    check("Memory, tables and stack", Nexus::identity(), rows::MEMORY);
}

#[test]
fn a_component_that_should_not_start_does_not() {
    check("Starting and listing", Nexus::identity(), rows::LOADING);
}

/// Nobody can approve it: what was read is never what is approved.
#[test]
fn a_list_that_changes_is_never_approved() {
    let approve = |escape: &str| {
        let nexus = Nexus::new();
        install(&nexus, 1, escape, &[]);
        let review = nexus.run(&["review", "--json"]);
        let review: Value = serde_json::from_str(&review.stdout).unwrap();
        let token = review["token"].as_str().unwrap();
        nexus.run(&["approve", "--all", "--token", token, "--by", "test", "--why", "for a test"])
    };
    assert_eq!(approve("list-some").code, Some(0));
    let changing = approve("list-changing");
    assert_ne!(changing.code, Some(0), "{changing:#?}");
    assert!(changing.stderr.contains("has changed"), "{changing:#?}");
}

#[test]
fn a_lie_about_memory_ends_the_call_that_tells_it() {
    check("Strings, lists and handles over the ABI", Nexus::identity(), rows::ABI);
}

#[test]
fn a_result_is_bounded_and_what_it_should_be() {
    check("Results, questions, prompts and documents", Nexus::identity(), rows::RESULTS);
}

#[test]
fn a_flood_is_cut_and_forges_nothing() {
    let (group, server) = check("Floods and forged lines", Nexus::identity(), rows::FLOODS);
    for line in group.nexus.whole_ledger() {
        assert!(!line.to_string().contains("forged"), "{line}");
    }
    let log = server.log();
    let forged: Vec<_> = log.lines().filter(|line| line.contains("forged")).collect();
    assert!(forged.iter().all(|line| line.contains("first")), "a guest made lines of its own: {forged:?}");
    assert!(!log.contains("\u{1b}[31m2026"), "a guest's control characters stand in the log");
    assert_eq!(log.matches("its end").count(), 1, "the control's line alone is short enough to be whole");
}

#[test]
fn what_is_never_given_back_is_bounded() {
    check("Resources that are never given back", Nexus::identity(), rows::HOLDING);
}

/// A document counts as its text, a message of a prompt 32 bytes more.
#[test]
fn a_document_and_a_prompt_may_be_as_long_as_a_shards_output_and_not_a_byte_longer() {
    let nexus = Nexus::identity();
    let rows = [
        ("document-long", Ask::Document, "output-bytes = \"6B\"", "honest"),
        ("document-long", Ask::Document, "output-bytes = \"5B\"", "output-too-large"),
        ("prompt-long", Ask::Prompt, "output-bytes = \"38B\"", "honest"),
        ("prompt-long", Ask::Prompt, "output-bytes = \"37B\"", "output-too-large"),
    ];
    let most = "output-bytes = \"1MiB\"";
    let installed = rows.iter().zip(1..).map(|((escape, _, bytes, _), n)| install(&nexus, n, escape, &[(most, bytes)]));
    let components: Vec<_> = installed.collect();
    let server = nexus.serve();
    for (component, (_, ask, bytes, expected)) in components.iter().zip(rows) {
        assert_eq!(ended(&server.client(), component, ask, 0), expected, "{bytes}");
    }
}

#[test]
fn nothing_of_the_machine_is_there() {
    let nexus = Nexus::identity().env("HOME", "/home/somebody").env("SOME_TOKEN", "a-secret-value");
    check("The machine", nexus, rows::MACHINE);
}

#[test]
fn nothing_but_what_is_granted_is_reached() {
    check("Hosts, paths, methods and headers", Nexus::identity(), rows::REACH);
}

#[test]
fn a_secret_is_not_carried_out() {
    let upstream = Upstream::new();
    let nexus = upstream.reached_by(Nexus::identity()).set("reports.folder", "reports");
    let (group, server) = check("Secrets", nexus, rows::SECRETS);
    assert_no_secret("the log", server.log().as_bytes());
    assert_no_secret("the ledger", &fs::read(group.nexus.ledger_file()).unwrap());
}

#[test]
fn others_tools_and_files_are_not_a_shards_own() {
    let (group, _server) =
        check("Other shards and artifacts", Nexus::identity().set("reports.folder", "reports"), rows::OTHERS);
    // What was kept lies where it belongs, and whole.
    for outside in ["above.txt", "reports/above.txt"] {
        assert!(!group.nexus.path(outside).exists(), "{outside}");
    }
    let over = rows::OTHERS.iter().position(|row| row.escape == "keep-over").unwrap();
    let folder = group.nexus.path("reports").join(&group.components[over].0.shard);
    for (file, text) in [("over.txt", "first"), ("over~2.txt", "second")] {
        assert_eq!(fs::read_to_string(folder.join(file)).unwrap(), text, "{file}");
    }
}
