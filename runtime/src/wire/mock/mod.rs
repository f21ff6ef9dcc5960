//! Stands in for every upstream, from tables and expressions in files.
//!
//! Promises: the same request gets the same answer, today and next year; a request that no route knows is an error and
//! never an empty answer; what an expression cannot answer is an error too. Nothing here opens a socket except `serve`,
//! which listens on the loopback address it is given.
//!
//! Does not know: any vendor. How a vendor pages, filters or complains is in `mock-data/`, and `mock-data/README.md`
//! says how such a directory is written.

mod answer;
mod asked;
mod certificate;
mod directory;
mod faults;
mod files;
mod jq;
mod routes;
mod serve;
mod tables;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write small upstreams and meet servers on loopback")]
mod tests;
mod tokens;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;

use super::{BadReply, RawReply, Request, Unreachable, WireError};
use answer::Answer;
use asked::{Asked, Proof};
use directory::Directory;
use faults::Faults;
use jq::{Bindings, Expression, Value};
use routes::{Accepts, Auth, Route, Routes};
use tokens::Tokens;

pub use certificate::Certificate;
pub use directory::Search;
pub use faults::{Fault, Misbehaviour};
pub use serve::{Handle, ServeError, ServeOptions, serve};

/// Where the mock upstreams are, and how they differ from the files as shipped.
#[derive(Debug, Clone)]
pub struct MockOptions {
    /// `mock-data`: a clock, and one directory with a `routes.toml` for each upstream.
    pub dir: PathBuf,
    /// Directories of the same shape that hold tables only. They are laid over the shipped ones, in this order.
    pub overlays: Vec<PathBuf>,
    pub faults: Vec<Fault>,
    /// How many more entities the upstreams' `scale` expressions make up.
    pub scale: usize,
    /// Replace the secrets that upstreams accept, by name.
    pub secrets: BTreeMap<String, String>,
    /// How long a token is good that a mock upstream has given out.
    pub token_lifetime: Duration,
}

impl MockOptions {
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            overlays: Vec::new(),
            faults: Vec::new(),
            scale: 0,
            secrets: BTreeMap::new(),
            token_lifetime: Duration::from_secs(3599),
        }
    }
}

/// All mock upstreams of one directory. Clones share faults, tokens and counts.
#[derive(Clone)]
pub struct Mock(Arc<Upstreams>);

struct Upstreams {
    now: String,
    moment: jiff::Timestamp,
    upstreams: Vec<Upstream>,
    faults: Faults,
    tokens: Tokens,
    counts: Mutex<BTreeMap<String, u64>>,
}

struct Upstream {
    name: String,
    routes: Routes,
    tables: Value,
    secrets: BTreeMap<String, String>,
    directories: Vec<Directory>,
}

/// Why the files do not make a mock upstream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MockError {
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {reason}", path.display())]
    Clock { path: PathBuf, reason: String },
    #[error("{}: {reason}", path.display())]
    Routes { path: PathBuf, reason: String },
    #[error("{}: {reason}", path.display())]
    Table { path: PathBuf, reason: String },
    #[error("{place}: {reason}")]
    Expression { place: String, reason: String },
    #[error("{place}: {reason}")]
    Directory { place: String, reason: String },
    #[error("both {one} and {other} answer for {host}")]
    HostTaken { host: String, one: String, other: String },
    #[error("{} has no upstream: no directory in it has a routes.toml", .0.display())]
    Empty(PathBuf),
    #[error("overlay {} is not a directory", .0.display())]
    Overlay(PathBuf),
    #[error("a fault names the route {0:?}, which no upstream has")]
    Fault(String),
}

impl Mock {
    /// Reads and compiles everything, so that a mistake in a file shows at the start and not at the first request.
    pub fn load(options: MockOptions) -> Result<Self, MockError> {
        let (now, moment) = clock(&options.dir.join("clock.toml"))?;
        if let Some(missing) = options.overlays.iter().find(|overlay| !overlay.is_dir()) {
            return Err(MockError::Overlay(missing.clone()));
        }
        let mut upstreams: Vec<Upstream> = Vec::new();
        for directory in files::upstreams(&options.dir)? {
            let upstream = Upstream::load(&directory, &options, &now)?;
            for host in upstream.served() {
                if let Some(other) = upstreams.iter().find(|other| other.served().any(|taken| taken == host)) {
                    let (one, other) = (other.name.clone(), upstream.name.clone());
                    return Err(MockError::HostTaken { host: host.clone(), one, other });
                }
            }
            upstreams.push(upstream);
        }
        if upstreams.is_empty() {
            return Err(MockError::Empty(options.dir));
        }
        let mock = Self(Arc::new(Upstreams {
            now,
            moment,
            upstreams,
            faults: Faults::default(),
            tokens: Tokens::new(options.token_lifetime),
            counts: Mutex::default(),
        }));
        for fault in options.faults {
            if !mock.has_route(&fault) {
                return Err(MockError::Fault(fault.route));
            }
            mock.inject(fault);
        }
        Ok(mock)
    }

    /// Answers as the upstream would. A fault that never answers leaves the caller waiting: the deadline is the caller's.
    pub async fn send(&self, request: &Request) -> Result<RawReply, WireError> {
        match self.answer(Asked::in_process(request)).await? {
            Act::Reply(answer) => Ok(RawReply::new(answer.status, answer.headers, answer.body)),
            Act::Torn(_) => Err(WireError::BadReply(BadReply::Torn)),
            Act::Reset => Err(WireError::Unreachable(Unreachable::Connect(io::ErrorKind::ConnectionReset.into()))),
            Act::Stall | Act::StallBody(_) => std::future::pending().await,
        }
    }

    /// The moment at which the mock world stands still.
    pub fn now(&self) -> jiff::Timestamp {
        self.0.moment
    }

    /// How many requests have reached this `upstream/route`, whatever came of them.
    pub fn count(&self, route: &str) -> u64 {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner).get(route).copied().unwrap_or(0)
    }

    /// A fault for a route that nobody has never strikes; it is logged, for it is most likely misspelt.
    pub fn inject(&self, fault: Fault) {
        if !self.has_route(&fault) {
            tracing::warn!(route = %fault.route, "a fault names a route that no mock upstream has");
        }
        self.0.faults.add(fault);
    }

    fn has_route(&self, fault: &Fault) -> bool {
        self.0.upstreams.iter().any(|upstream| {
            let routes = upstream.routes.routes.iter().map(|route| &route.name);
            let directories = upstream.directories.iter().map(|directory| &directory.name);
            routes.chain(directories).any(|name| fault.covers(name))
        })
    }

    /// Every token given out so far is refused from now on.
    pub fn expire_tokens(&self) {
        self.0.tokens.expire();
    }

    /// Every host that some upstream answers for, as `routes.toml` writes it.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.0.upstreams.iter().flat_map(|upstream| upstream.routes.hosts.iter().map(String::as_str))
    }

    /// Expressions run on a thread of their own: one that never ends costs that thread and the caller's deadline.
    async fn answer(&self, asked: Asked) -> Result<Act, WireError> {
        let upstreams = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || upstreams.answer(&asked))
            .await
            .unwrap_or_else(|_| Err(WireError::BadMock("an expression broke off".to_owned())))
    }
}

/// What the client is going to meet.
enum Act {
    Reply(Answer),
    /// Half of this answer, then nothing.
    StallBody(Answer),
    /// Half of this answer, then the connection is gone.
    Torn(Answer),
    Stall,
    Reset,
}

impl Upstreams {
    fn answer(&self, asked: &Asked) -> Result<Act, WireError> {
        let no_route = |path| WireError::NoRoute { method: asked.method.clone(), path };
        let upstream = self.upstreams.iter().find(|upstream| upstream.routes.serves(&asked.host, asked.port));
        let upstream =
            upstream.ok_or_else(|| no_route(format!("https://{}:{}{}", asked.host, asked.port, asked.path())))?;
        let Some((route, parameters)) = upstream.routes.find(&asked.method, &asked.segments, &asked.query) else {
            let keys: Vec<&str> = asked.query.iter().map(|(key, _)| key.as_str()).collect();
            let with = if keys.is_empty() { String::new() } else { format!(" with query keys {}", keys.join(", ")) };
            return Err(no_route(format!("{}{with}", asked.path())));
        };
        self.count_name(&route.name);
        let hidden = match (&route.issues, &upstream.routes.auth) {
            (Some(_), _) => Some(AUTHORIZATION.as_str()),
            (None, Some(auth)) => Some(auth.header.as_str()),
            (None, None) => None,
        };
        let request = asked.value(parameters, hidden).map_err(WireError::BadMock)?;
        let bindings = Bindings { request, tables: upstream.tables.clone(), now: jq::text(&self.now) };
        self.act(asked, upstream, route, &bindings).map_err(WireError::BadMock)
    }

    fn count_name(&self, name: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(name.to_owned()).or_default() += 1;
    }

    /// Misbehaves as a fault says, or answers.
    fn act(&self, asked: &Asked, upstream: &Upstream, route: &Route, bindings: &Bindings) -> Result<Act, String> {
        let reply = || self.reply(asked, upstream, route, bindings);
        Ok(match self.faults.strike(&route.name) {
            None => Act::Reply(reply()?),
            Some(Misbehaviour::Status { status, retry_after }) => {
                Act::Reply(upstream.error(status, bindings)?.retry_after(retry_after.as_deref())?)
            }
            Some(Misbehaviour::Html { status }) => Act::Reply(Answer::page(code(status)?)),
            Some(Misbehaviour::ExpiredToken) => Act::Reply(upstream.error(401, bindings)?),
            Some(Misbehaviour::Stall) => Act::Stall,
            Some(Misbehaviour::StallBody) => Act::StallBody(reply()?),
            Some(Misbehaviour::Torn) => Act::Torn(reply()?),
            Some(Misbehaviour::Reset) => Act::Reset,
            Some(Misbehaviour::Oversized { bytes }) => Act::Reply(reply()?.followed_by_blanks(bytes)),
            Some(Misbehaviour::WrongJson) => Act::Reply(reply()?.wrong_json()),
            Some(Misbehaviour::Set { pointer, value }) => Act::Reply(reply()?.set(&pointer, value)?),
        })
    }

    fn reply(&self, asked: &Asked, upstream: &Upstream, route: &Route, bindings: &Bindings) -> Result<Answer, String> {
        if !route.open && !self.proven(asked, upstream) {
            return upstream.error(401, bindings);
        }
        let Some(issue) = &route.issues else {
            return Answer::read(&route.reply.run(bindings.input([]), bindings)?);
        };
        let token = self.tokens.fresh(issue.form).map_err(|error| error.to_string())?;
        let checks = matches!(asked.proof, Proof::Headers);
        let basic = serde_json::to_vec(&asked.basic().filter(|_| checks)).map_err(|error| error.to_string())?;
        let secrets = upstream.secrets.iter().map(|(name, value)| (name.clone(), jq::text(value)));
        let input = bindings.input([
            ("token", jq::text(&token)),
            ("lifetime", Value::from(usize::try_from(self.tokens.lifetime.as_secs()).unwrap_or(usize::MAX))),
            ("secrets", jq::object(secrets)),
            ("checks", Value::Bool(checks)),
            ("basic", jq::read(&basic)?),
        ]);
        let answer = route.reply.run(input, bindings).and_then(|value| Answer::read(&value));
        // An error repeats the value that it stumbled over, and here that may be a secret.
        let answer = answer.map_err(|_| format!("{} fails; it knows secrets, so it is not said how", route.name))?;
        if answer.status.is_success() {
            self.tokens.admit(&issue.audience, token);
        }
        Ok(answer)
    }

    fn proven(&self, asked: &Asked, upstream: &Upstream) -> bool {
        let Some(auth) = &upstream.routes.auth else { return true };
        match asked.proof {
            Proof::Sealed(sealed) => sealed,
            Proof::Headers => asked.headers.get(&auth.header).is_some_and(|shown| self.accepts(auth, shown, upstream)),
        }
    }

    fn accepts(&self, auth: &Auth, shown: &HeaderValue, upstream: &Upstream) -> bool {
        let Some(shown) = shown.to_str().ok().and_then(|shown| shown.strip_prefix(&auth.prefix)) else {
            return false;
        };
        let secret = |name: &String| upstream.secrets.get(name).map(String::as_str);
        match &auth.accepts {
            Accepts::Tokens => self.tokens.good_at(&upstream.name, shown),
            Accepts::Secret(name) => secret(name) == Some(shown),
            Accepts::Basic(user, password) => match (secret(user), secret(password)) {
                (Some(user), Some(password)) => STANDARD.encode(format!("{user}:{password}")) == shown,
                (None, _) | (_, None) => false,
            },
        }
    }
}

impl Upstream {
    fn load(directory: &Path, options: &MockOptions, now: &str) -> Result<Self, MockError> {
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut routes = Routes::load(&name, directory)?;
        let overlays: Vec<PathBuf> =
            options.overlays.iter().map(|overlay| overlay.join(&name)).filter(|overlay| overlay.is_dir()).collect();
        let mut tables = tables::load(directory, &overlays)?;
        if let Some(scale) = routes.scale.as_ref().filter(|_| options.scale > 0) {
            tables = scaled(scale, tables, options.scale, now)?;
        }
        let directories = directories(&name, std::mem::take(&mut routes.directories), &tables)?;
        let mut secrets = routes.secrets.clone();
        secrets.extend(options.secrets.clone().into_iter().filter(|(name, _)| routes.secrets.contains_key(name)));
        Ok(Self { name, routes, tables, secrets, directories })
    }

    /// The hosts it answers for, in whatever protocol.
    fn served(&self) -> impl Iterator<Item = &String> {
        self.routes.hosts.iter().chain(self.directories.iter().flat_map(|directory| &directory.hosts))
    }

    /// An error in the vendor's own form.
    fn error(&self, status: u16, bindings: &Bindings) -> Result<Answer, String> {
        match self.routes.errors.get(&status) {
            Some(expression) => Answer::read(&expression.run(bindings.input([]), bindings)?),
            None => Ok(Answer::plain_error(code(status)?)),
        }
    }
}

impl Bindings {
    fn input<const N: usize>(&self, more: [(&str, Value); N]) -> Value {
        let members = [("request", self.request.clone()), ("tables", self.tables.clone()), ("now", self.now.clone())];
        jq::object(members.into_iter().chain(more).map(|(name, value)| (name.to_owned(), value)))
    }
}

/// Their tables are read out of the expressions' form once: a search runs no expression.
fn directories(upstream: &str, entries: Vec<directory::Entry>, tables: &Value) -> Result<Vec<Directory>, MockError> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let tables: serde_json::Value = serde_json::from_str(&jq::write(tables))
        .map_err(|error| MockError::Expression { place: format!("{upstream}: scale"), reason: error.to_string() })?;
    entries.into_iter().map(|entry| Directory::new(upstream, entry, &tables)).collect()
}

fn scaled(scale: &Expression, tables: Value, count: usize, now: &str) -> Result<Value, MockError> {
    let bindings = Bindings { request: Value::Null, tables, now: jq::text(now) };
    let input = bindings.input([("scale", Value::from(count))]);
    scale.run(input, &bindings).map_err(|reason| MockError::Expression { place: "scale".to_owned(), reason })
}

fn code(status: u16) -> Result<StatusCode, String> {
    StatusCode::from_u16(status).map_err(|_| format!("{status} is not a status"))
}

/// The moment as the file writes it, which is what a route answers, and what it means.
fn clock(path: &Path) -> Result<(String, jiff::Timestamp), MockError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Clock {
        now: String,
    }
    let text = files::text(path)?;
    let bad = |reason: String| MockError::Clock { path: path.to_owned(), reason };
    let clock: Clock = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
    match clock.now.parse::<jiff::Timestamp>() {
        Ok(moment) => Ok((clock.now, moment)),
        Err(error) => Err(bad(error.to_string())),
    }
}
