mod credentials;
mod directories;
mod documents;

use std::path::Path;

use super::{Manifest, ManifestError, Values};
use crate::names::SettingName;

struct Tenant;

impl Values for Tenant {
    fn value(&self, name: &SettingName) -> Option<String> {
        match name.as_str() {
            "TENANT" => Some("contoso".into()),
            "WIDE" => Some("a/**".into()),
            _ => None,
        }
    }
}

fn check(text: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(text, Path::new("shards/x/shard.toml"), &Tenant)
}

const GOOD: &str = r#"
[shard]
name = "x"
version = "0.1.0"
component = "x.wasm"
tools-prefix = ["x_"]

[[egress]]
host = "graph.microsoft.com"
methods = ["GET"]
paths = ["/v1.0/users", "/v1.0/{setting:TENANT}/{id}"]
query = ["$top"]
credential = "graph"

[credential.graph]
kind = "oauth2-client-credentials"
token-url = "https://login.microsoftonline.com/{setting:TENANT}/oauth2/v2.0/token"
client-id = "secret:CLIENT_ID"
client-secret = "secret:CLIENT_SECRET"
scope = "https://graph.microsoft.com/.default"

[limits]
memory = "16MiB"
deadline = "2s"
"#;

#[test]
fn a_good_manifest_is_read_with_its_settings_resolved() {
    let manifest = check(GOOD).unwrap();
    assert_eq!(manifest.component, Path::new("shards/x/x.wasm"));
    let paths: Vec<_> = manifest.egress[0].paths.iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["/v1.0/users", "/v1.0/contoso/{id}"]);
    assert_eq!(manifest.limits.memory, 16 << 20);
    assert_eq!(manifest.limits.egress_calls, crate::egress::Limits::default().egress_calls);
}

#[test]
fn an_error_names_file_line_found_and_accepted() {
    for (from, to, line, says) in [
        ("version", "vresion", 4, "vresion"),
        ("query =", "querry =", 12, "querry"),
        ("methods = [\"GET\"]", "methods = []", 10, "grants nothing"),
        ("methods = [\"GET\"]", "methods = [\"get\"]", 10, "expected GET"),
        ("methods = [\"GET\"]", "methods = [\"CONNECT\"]", 10, "expected GET"),
        ("paths = [", "paths = [\"v1.0\", ", 11, "v1.0"),
        ("{setting:TENANT}/{id}", "{setting:NOWHERE}/{id}", 11, "NOWHERE"),
        ("{setting:TENANT}/{id}", "{setting:WIDE}/{id}", 11, "letters, digits"),
        ("{setting:TENANT}/{id}", "{setting:TENANT/{id", 11, "not closed"),
        ("credential = \"graph\"", "credential = \"graf\"", 13, "[credential.graf]"),
        ("host = \"graph.microsoft.com\"", "host = \"*.com\"", 9, "*.com"),
        ("host = \"graph.microsoft.com\"", "host = \"graph.microsoft.com\"\nscheme = \"http\"", 9, "this machine"),
        ("component = \"x.wasm\"", "component = \"../x.wasm\"", 5, "manifest's folder"),
        ("tools-prefix = [\"x_\"]", "tools-prefix = []", 6, "at least one"),
        ("tools-prefix = [\"x_\"]", "tools-prefix = [\"x\"]", 6, "ending in _"),
        ("kind = \"oauth2", "kind = \"oauth3", 16, "oauth3"),
        ("client-secret = \"secret:CLIENT_SECRET\"", "client-secret = \"hunter2hunter2\"", 15, "client-secret"),
        ("memory = \"16MiB\"", "memory = \"16 MB\"", 23, "64MiB"),
        ("memory = \"16MiB\"", "memory = \"9999MiB\"", 23, "1B to 512MiB"),
        ("deadline = \"2s\"", "deadline = \"0s\"", 24, "30s"),
        ("deadline = \"2s\"", "egress-calls = 99999999", 24, "0 to 10000"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = check(&GOOD.replacen(from, to, 1)).expect_err(to);
        let text = error.to_string();
        assert!(text.starts_with("shards/x/shard.toml:"), "{to}: {text}");
        assert!(text.starts_with(&format!("shards/x/shard.toml:{line}:")), "{to}: {text}");
        assert!(text.contains(says), "{to}: {text}");
    }
}

#[test]
fn a_shard_reads_the_settings_that_its_manifest_names() {
    for (table, expected) in [
        ("[setting.TENANT]", Ok("contoso")),
        ("[setting.TENANT]\ndefault = \"fabrikam\"", Ok("contoso")),
        ("[setting.REGION]\ndefault = \"eu-1\"", Ok("eu-1")),
        ("[setting.REGION]\ndefault = \"\"", Ok("")),
        ("[setting.REGION]", Err("needs the setting REGION")),
        ("[setting.REGION]\ndefault = \"two\\nlines\"", Err("one line")),
        ("[setting.REGION]\nvalue = \"eu-1\"", Err("expected `default`")),
        ("[setting.region]\ndefault = \"eu-1\"", Err("[A-Z]")),
    ] {
        let read = check(&format!("{GOOD}\n{table}\n"));
        match expected {
            Ok(value) => assert_eq!(read.expect(table).settings.values().collect::<Vec<_>>(), [value]),
            Err(says) => assert!(read.expect_err(table).to_string().contains(says), "{table}"),
        }
    }
}

#[test]
fn a_default_serves_the_manifest_too() {
    let text = GOOD.replacen("{setting:TENANT}/{id}", "{setting:REGION}/{id}", 1);
    let manifest = check(&format!("{text}\n[setting.REGION]\ndefault = \"eu-1\"\n")).unwrap();
    assert_eq!(manifest.egress[0].paths[1].to_string(), "/v1.0/eu-1/{id}");
    // An empty one says that the shard does without; a path cannot.
    let error = check(&format!("{text}\n[setting.REGION]\ndefault = \"\"\n")).unwrap_err();
    assert!(error.to_string().contains("letters, digits"), "{error}");
}

#[test]
fn a_manifest_cannot_read_a_secret_as_a_setting() {
    for name in ["CLIENT_SECRET", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "AD_PASSWORD"] {
        let shown = check(&format!("{GOOD}\n[setting.{name}]\ndefault = \"\"\n")).unwrap_err().to_string();
        assert!(shown.contains("called like a secret"), "{shown}");
        let sent = check(&GOOD.replacen("graph.microsoft.com", &format!("{{setting:{name}}}.evil.test"), 1));
        assert!(sent.unwrap_err().to_string().contains("called like a secret"), "{name}");
    }
}

#[test]
fn a_secret_written_into_a_manifest_is_refused_and_not_repeated() {
    let text = check(&GOOD.replacen("secret:CLIENT_SECRET", "hunter2hunter2", 1)).unwrap_err().to_string();
    assert!(!text.contains("hunter2"), "{text}");
}

/// As many grants, and as long lists, as a manifest may have; one more of each is refused with what was found.
#[test]
fn how_much_a_manifest_grants_is_bounded() {
    let grant = |paths: usize, methods: &str, tools: usize| {
        let list = |n: usize, of: &dyn Fn(usize) -> String| (0..n).map(of).collect::<Vec<_>>().join(", ");
        let paths = list(paths, &|n| format!("\"/v1/{n}\""));
        let tools = match tools {
            0 => String::new(),
            tools => format!("tools = [{}]\n", list(tools, &|n| format!("\"x_{n}\""))),
        };
        format!("\n[[egress]]\nhost = \"a.example.com\"\nmethods = [{methods}]\npaths = [{paths}]\n{tools}")
    };
    let directory = |bases: usize| {
        let bases: Vec<_> = (0..bases).map(|n| format!("\"DC=d{n},DC=example,DC=com\"")).collect();
        format!(
            "\n[[directory]]\nname = \"ad\"\nhost = \"dc.example.com\"\nbases = [{}]\nscopes = [\"base\"]\nattributes = [\"cn\"]\ncredential = \"none\"\n",
            bases.join(", ")
        )
    };
    let one = grant(1, "\"GET\"", 0);
    // GOOD has one grant of two combinations already.
    for (more, problem) in [
        (one.repeat(63), None),
        (one.repeat(64), Some("65 [[egress]]: expected at most 64")),
        (directory(1).repeat(65), Some("65 [[directory]]: expected at most 64")),
        (grant(512, "\"GET\"", 0), None),
        (grant(513, "\"GET\"", 0), Some("a list of 513 values: expected at most 512")),
        (grant(1, "\"GET\"", 513), Some("a list of 513 values")),
        (directory(513), Some("a list of 513 values")),
        (grant(409, "\"GET\", \"PUT\"", 5) + &grant(4, "\"GET\"", 0), None),
        (grant(409, "\"GET\", \"PUT\"", 5) + &grant(5, "\"GET\"", 0), Some("more than 4096 combinations")),
    ] {
        let read = check(&format!("{GOOD}{more}"));
        match problem {
            None => assert!(read.is_ok(), "{:?}", read.err().map(|error| error.to_string())),
            Some(problem) => {
                let said = read.expect_err(problem).to_string();
                assert!(said.contains(problem), "{problem:?} is not in {said:?}");
            }
        }
    }
}
