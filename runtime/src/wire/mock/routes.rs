//! Reads `routes.toml`: which hosts an upstream answers for, and which requests it knows.
//!
//! A path template is matched segment by segment after percent-decoding: `{x}` stands for exactly one segment, everything
//! else for itself, case included. The first route that fits method, path and query keys answers. There is no default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use http::Method;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::jq::Expression;
use super::{MockError, directory, files};

/// The file as written. Unknown keys are errors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    hosts: Vec<String>,
    prelude: Option<PathBuf>,
    auth: Option<Auth>,
    scale: Option<String>,
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    #[serde(default)]
    errors: BTreeMap<u16, String>,
    #[serde(default)]
    route: Vec<RouteEntry>,
    #[serde(default)]
    directory: Vec<directory::Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RouteEntry {
    name: String,
    method: String,
    path: String,
    #[serde(default)]
    query: Vec<String>,
    reply: Option<String>,
    reply_file: Option<PathBuf>,
    issues: Option<String>,
    token: Option<TokenForm>,
    #[serde(default)]
    open: bool,
}

/// What the token of a route with `issues` looks like.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TokenForm {
    /// Random, and nothing to read in it.
    #[default]
    Opaque,
    /// A JSON Web Token that says when it was made and when it ends, by the real clock.
    Jwt,
}

/// How a request shows that it may ask. Only values are checked here: what a client is allowed is the manifest's business.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Auth {
    #[serde(default = "authorization")]
    pub(super) header: String,
    #[serde(default)]
    pub(super) prefix: String,
    pub(super) accepts: Accepts,
}

/// What must follow the prefix.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum Accepts {
    /// A token that a route with `issues` has given out and that has not expired.
    Tokens,
    /// The secret of this name.
    Secret(String),
    /// The secrets of these names, joined by a colon, in base64.
    Basic(String, String),
}

fn authorization() -> String {
    "authorization".to_owned()
}

/// One upstream's routes, compiled.
pub(super) struct Routes {
    pub(super) hosts: Vec<String>,
    pub(super) auth: Option<Auth>,
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) scale: Option<Expression>,
    pub(super) errors: BTreeMap<u16, Expression>,
    pub(super) routes: Vec<Route>,
    /// As written: they need the tables.
    pub(super) directories: Vec<directory::Entry>,
}

pub(super) struct Route {
    /// `upstream/name`, as faults and counts call it.
    pub(super) name: String,
    pub(super) method: Method,
    template: Vec<Segment>,
    query: Vec<String>,
    pub(super) reply: Expression,
    pub(super) issues: Option<Issue>,
    /// Answers without any proof of who asks.
    pub(super) open: bool,
}

/// That a route gives out tokens.
pub(super) struct Issue {
    /// The upstream where they are good.
    pub(super) audience: String,
    pub(super) form: TokenForm,
}

enum Segment {
    Literal(String),
    Parameter(String),
}

impl Routes {
    pub(super) fn load(upstream: &str, directory: &Path) -> Result<Self, MockError> {
        let path = directory.join("routes.toml");
        let text = files::text(&path)?;
        let file: File = toml::from_str(&text)
            .map_err(|error| MockError::Routes { path: path.clone(), reason: error.to_string() })?;
        let prelude = match &file.prelude {
            Some(prelude) => files::text(&directory.join(prelude))?,
            None => String::new(),
        };
        let compile =
            |key: String, text: &str| Expression::compile(&format!("{upstream}/routes.toml: {key}"), &prelude, text);
        let errors = file.errors.iter().map(|(status, text)| Ok((*status, compile(format!("errors.{status}"), text)?)));
        let errors = errors.collect::<Result<_, MockError>>()?;
        let scale = file.scale.as_deref().map(|text| compile("scale".to_owned(), text)).transpose()?;
        let mut routes = Vec::with_capacity(file.route.len());
        for entry in file.route {
            let bad = |reason: String| MockError::Routes {
                path: path.clone(),
                reason: format!("route {:?}: {reason}", entry.name),
            };
            let reply = match (&entry.reply, &entry.reply_file) {
                (Some(text), None) => text.clone(),
                (None, Some(file)) => files::text(&directory.join(file))?,
                (Some(_), Some(_)) | (None, None) => {
                    return Err(bad("needs either `reply` or `reply-file`".to_owned()));
                }
            };
            let issues = match (&entry.issues, entry.token) {
                (Some(audience), form) => Some(Issue { audience: audience.clone(), form: form.unwrap_or_default() }),
                (None, None) => None,
                (None, Some(_)) => return Err(bad("`token` is for a route with `issues`".to_owned())),
            };
            let name = format!("{upstream}/{}", entry.name);
            if routes.iter().any(|known: &Route| known.name == name) {
                return Err(bad("this name is taken".to_owned()));
            }
            routes.push(Route {
                name,
                method: entry.method.parse().map_err(|_| bad(format!("{:?} is not a method", entry.method)))?,
                template: template(&entry.path).map_err(bad)?,
                query: entry.query.clone(),
                reply: compile(format!("route {:?}", entry.name), &reply)?,
                issues,
                open: entry.open,
            });
        }
        if routes.is_empty() && file.directory.is_empty() {
            return Err(MockError::Routes { path, reason: "needs a `[[route]]` or a `[[directory]]`".to_owned() });
        }
        if !routes.is_empty() && file.hosts.is_empty() {
            return Err(MockError::Routes { path, reason: "routes need `hosts`".to_owned() });
        }
        Ok(Self {
            hosts: file.hosts,
            auth: file.auth,
            secrets: file.secrets,
            scale,
            errors,
            routes,
            directories: file.directory,
        })
    }

    /// Whether the upstream answers for this host: `*.` stands for exactly one label, `host:port` for that port only, and
    /// a host without a port for 443.
    pub(super) fn serves(&self, host: &str, port: u16) -> bool {
        self.hosts.iter().any(|pattern| {
            let (name, on) = match pattern.rsplit_once(':') {
                Some((name, on)) => (name, on.parse().ok()),
                None => (pattern.as_str(), Some(443)),
            };
            let names = match name.strip_prefix("*.") {
                Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
                None => host == name,
            };
            names && on == Some(port)
        })
    }

    /// The first route that fits, with what its parameters stand for.
    pub(super) fn find(
        &self,
        method: &Method,
        segments: &[String],
        query: &[(String, String)],
    ) -> Option<(&Route, BTreeMap<String, String>)> {
        self.routes.iter().find_map(|route| {
            let keys = query.iter().all(|(key, _)| route.query.contains(key));
            let parameters = (route.method == *method && keys).then(|| route.parameters(segments)).flatten()?;
            Some((route, parameters))
        })
    }
}

impl Route {
    fn parameters(&self, segments: &[String]) -> Option<BTreeMap<String, String>> {
        if self.template.len() != segments.len() {
            return None;
        }
        let mut parameters = BTreeMap::new();
        for (expected, found) in self.template.iter().zip(segments) {
            match expected {
                Segment::Literal(literal) if literal == found => {}
                Segment::Literal(_) => return None,
                Segment::Parameter(_) if found.is_empty() => return None,
                Segment::Parameter(name) => drop(parameters.insert(name.clone(), found.clone())),
            }
        }
        Some(parameters)
    }
}

fn template(path: &str) -> Result<Vec<Segment>, String> {
    let path = path.strip_prefix('/').ok_or_else(|| format!("path {path:?} must start with /"))?;
    path.split('/')
        .map(|segment| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => Ok(Segment::Parameter(name.to_owned())),
            None if segment.contains(['{', '}']) => Err(format!("{segment:?}: a parameter is a whole segment")),
            None => percent_decode_str(segment)
                .decode_utf8()
                .map(|literal| Segment::Literal(literal.into_owned()))
                .map_err(|_| format!("{segment:?} is not UTF-8")),
        })
        .collect()
}
