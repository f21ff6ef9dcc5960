use super::{GOOD, check};
use crate::manifest::{Manifest, ManifestError};
use crate::policy::Tls;

const AD: &str = r#"
[[directory]]
name = "ad"
host = "{setting:TENANT}"
bases = ["{setting:BASE}"]
scopes = ["subtree"]
attributes = ["cn", "mail"]
credential = "ad"

[credential.ad]
kind = "bind"
username = "svc-nexus@nexus.corp"
password = "secret:AD_PASSWORD"

[setting.BASE]
default = "DC=nexus,DC=corp"
"#;

fn with(from: &str, to: &str) -> Result<Manifest, ManifestError> {
    assert!(AD.contains(from), "{from}");
    check(&format!("{GOOD}{}", AD.replacen(from, to, 1)))
}

#[test]
fn a_directory_is_read_with_what_it_leaves_out() {
    let manifest = with("", "").unwrap();
    let grant = &manifest.directories[0];
    assert_eq!(
        (grant.server.host.to_string().as_str(), grant.server.port, grant.server.tls),
        ("contoso", 636, Tls::Ldaps)
    );
    assert_eq!(grant.bases[0].to_string(), "DC=nexus,DC=corp");
    assert_eq!(grant.filter_attributes, grant.attributes);
    assert!(grant.rules.is_empty() && !grant.private && grant.tools.is_none());
    assert_eq!(grant.entries, 50_000);
    let started = with("scopes =", "tls = \"starttls\"\nscopes =").unwrap();
    assert_eq!((started.directories[0].server.port, started.directories[0].server.tls), (389, Tls::StartTls));
}

#[test]
fn a_base_may_end_in_a_setting_that_is_a_name_of_its_own() {
    for (base, setting, expected) in [
        ("{setting:BASE}", "DC=a,DC=b", Ok("DC=a,DC=b")),
        ("OU=Users,{setting:BASE}", "DC=a", Ok("OU=Users,DC=a")),
        (r"CN=x\\,y,{setting:BASE}", "DC=a", Ok(r"CN=x\,y,DC=a")),
        ("DC=a,DC=b", "DC=c", Ok("DC=a,DC=b")),
        ("OU=Users{setting:BASE}", "DC=a", Err("at the end")),
        (r"OU=Users\\,{setting:BASE}", "DC=a", Err("at the end")),
        ("{setting:BASE},DC=a", "DC=a", Err("at the end")),
        ("{setting:BASE", "DC=a", Err("at the end")),
        ("{setting:BASE}", "", Err("is empty")),
        ("{setting:BASE}", "corp", Err("attribute=value")),
        ("{setting:NOWHERE}", "DC=a", Err("needs the setting NOWHERE")),
        ("OU=", "DC=a", Err("empty value")),
    ] {
        let text = AD.replacen("{setting:BASE}", base, 1).replacen("DC=nexus,DC=corp", setting, 1);
        match (check(&format!("{GOOD}{text}")), expected) {
            (Ok(manifest), Ok(expected)) => assert_eq!(manifest.directories[0].bases[0].to_string(), expected),
            (Err(error), Err(says)) => assert!(error.to_string().contains(says), "{base}: {error}"),
            (read, _) => panic!("{base}: {:?}", read.map(|manifest| manifest.directories)),
        }
    }
}

#[test]
fn a_directory_that_grants_too_much_or_nothing_is_refused() {
    for (from, to, says) in [
        ("host = \"{setting:TENANT}\"", "host = \"*.nexus.corp\"", "not a DNS name"),
        ("host = \"{setting:TENANT}\"", "host = \"ldaps://dc1\"", "not a DNS name"),
        ("host = \"{setting:TENANT}\"", "host = \"dc1:636\"", "the port stands in `port`"),
        ("scopes = [\"subtree\"]", "scopes = []", "grants nothing"),
        ("scopes = [\"subtree\"]", "scopes = [\"all\"]", "expected \"base\""),
        ("scopes =", "tls = \"none\"\nscopes =", "without TLS"),
        ("scopes =", "port = 0\nscopes =", "port 0: expected 1 to 65535"),
        ("bases = [\"{setting:BASE}\"]", "bases = []", "grants nothing"),
        ("attributes = [\"cn\", \"mail\"]", "attributes = []", "grants nothing"),
        ("attributes = [\"cn\", \"mail\"]", "attributes = [\"*\"]", "options, OIDs, * and +"),
        ("attributes = [\"cn\", \"mail\"]", "attributes = [\"member;range=0-9\"]", "options, OIDs"),
        ("scopes =", "rules = [\"803\"]\nscopes =", "expected the OID"),
        // A second spelling, which no search may use.
        ("scopes =", "rules = [\"1.2.0840.113556.1.4.803\"]\nscopes =", "expected the OID"),
        ("scopes =", "filter-attributes = []\nscopes =", "grants nothing"),
        ("scopes =", "tools = []\nscopes =", "tools is empty"),
        ("scopes =", "entries = 0\nscopes =", "expected 1 to"),
        ("scopes =", "filter = \"(cn=*)\"\nscopes =", "unknown field `filter`"),
        ("credential = \"ad\"", "credential = \"graph\"", "needs one of kind \"bind\""),
        ("credential = \"ad\"", "credential = \"nobody\"", "not defined"),
    ] {
        let error = with(from, to).expect_err(to).to_string();
        assert!(error.contains(says), "{to}: {error}");
        assert!(error.starts_with("shards/x/shard.toml:"), "{error}");
    }
}
