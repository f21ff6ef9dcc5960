//! What a reviewer should look at twice, approved or not: powers that are wide by their nature, and texts that are not what
//! they seem.

use serde::Serialize;

use super::authority::Authority;
use super::text::{Odd, odd, visible};
use crate::tool::Category;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    pub code: &'static str,
    pub what: String,
}

/// Attributes that hold a password or a key, in the directories of Microsoft, OpenLDAP, Samba and MIT.
const SECRET_ATTRIBUTES: &[&str] = &[
    "unicodePwd",
    "userPassword",
    "dBCSPwd",
    "lmPwdHistory",
    "ntPwdHistory",
    "supplementalCredentials",
    "ms-Mcs-AdmPwd",
    "msLAPS-Password",
    "msLAPS-EncryptedPassword",
    "msDS-ManagedPassword",
    "msFVE-RecoveryPassword",
    "trustAuthIncoming",
    "trustAuthOutgoing",
    "sambaNTPassword",
    "sambaLMPassword",
    "krbPrincipalKey",
    "unixUserPassword",
];

pub fn remarks(authority: &Authority) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut remark = |code: &'static str, what: String| remarks.push(Remark { code, what });
    for grant in &authority.egress {
        let place = grant.place();
        if grant.documents.is_none() && grant.methods.iter().any(|method| method == "POST") {
            for path in grant.paths.iter().filter(|path| path.to_ascii_lowercase().contains("graphql")) {
                remark("graphql-open", format!("{place}{path} takes any GraphQL document: fix them with `documents`"));
            }
        }
        for path in grant.paths.iter().filter(|path| path.ends_with("/**")) {
            remark("open-path", format!("{place}{path} covers everything below"));
        }
        if grant.host.starts_with("*.") {
            remark("open-host", format!("{place} is every host one label below"));
        }
        if grant.scheme == "http" {
            remark("plain-http", format!("{place} is spoken to without TLS"));
        }
        if grant.private {
            remark("private-network", format!("{place} may be at a private address, if the operator allows it"));
        }
        if grant.is_write() {
            let tools = grant.tools.as_ref().map_or("every tool".to_owned(), |tools| {
                tools.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            });
            remark("writes", format!("{} {place} may change something there ({tools})", grant.methods.join(", ")));
        }
    }
    for grant in &authority.directory {
        let is_secret = |name: &&String| SECRET_ATTRIBUTES.iter().any(|secret| secret.eq_ignore_ascii_case(name));
        for (key, list) in [("attributes", &grant.attributes), ("filter-attributes", &grant.filter_attributes)] {
            for name in list.iter().filter(is_secret) {
                remark(
                    "secret-attribute",
                    format!("{name} in {key} of directory {} holds a password or key", grant.name),
                );
            }
        }
        if grant.private {
            remark("private-network", format!("{} may be at a private address", grant.place()));
        }
    }
    for (name, tool) in &authority.tool {
        let writes = authority.egress.iter().any(|grant| grant.is_write() && grant.serves(name));
        if writes && tool.category != Category::Write {
            remark(
                "says-it-reads",
                format!("{name} is of category {:?} and may send what changes something", tool.category),
            );
        }
        let said = [("title", &tool.title), ("description", &tool.description)];
        let schemas = tool.input.iter().map(|line| ("input schema", line));
        let schemas = schemas.chain(tool.output.iter().map(|line| ("output schema", line)));
        for (which, text) in said.into_iter().chain(schemas) {
            texts(&format!("{name}, {which}"), text, &mut remark);
        }
    }
    for (name, prompt) in &authority.prompt {
        for text in [&prompt.title, &prompt.description].into_iter().chain(&prompt.arguments) {
            texts(&format!("prompt {name}"), text, &mut remark);
        }
    }
    for (uri, document) in &authority.document {
        for text in [&document.name, &document.title, &document.description] {
            texts(&format!("document {uri}"), text, &mut remark);
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    remarks.retain(|remark| seen.insert(remark.what.clone()));
    remarks
}

fn texts(of: &str, text: &str, remark: &mut impl FnMut(&'static str, String)) {
    for odd in odd(text) {
        match odd {
            Odd::Hidden(characters) => {
                let shown: String = visible(text).chars().take(200).collect();
                remark("hidden-text", format!("{of}: characters that are not seen, {}: {shown}", characters.join(" ")));
            }
            Odd::Instructs(words) => remark("instructs-model", format!("{of}: speaks to the model: {words:?}")),
        }
    }
}
