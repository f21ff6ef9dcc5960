//! Compiles and runs the expressions of a mock upstream. The only file that knows jaq.
//!
//! An expression sees what it is given and nothing else: no environment, no clock, no input, no way to stop the process.
//! It is the operator's own text, so it is bounded by the caller's deadline and not by a count of steps.

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars, load};

use super::MockError;

/// A value as expressions see it. Cloning one is cheap: lists and objects are shared.
pub(super) use jaq_json::Val as Value;

/// What every expression may name, beside its input.
const VARIABLES: [&str; 3] = ["$request", "$tables", "$now"];

/// Shadows what the standard library would let an expression do to, or learn from, the process it runs in.
const SEALED: &str = r#"
def env: error("a mock upstream has no environment");
def now: error("a mock upstream has a fixed clock: $now");
def halt($code): error("a mock upstream cannot halt");
def halt: halt(0);
def halt_error($code): halt($code);
def halt_error: halt(5);
def localtime: error("a mock upstream has no time zone");
def strflocaltime($format): error("a mock upstream has no time zone");
def stderr: .;
def debug: .;
def debug(message): .;
"#;

pub(super) struct Expression {
    /// Which file and key it stands in, for errors.
    place: String,
    filter: Filter<JustLut<Value>>,
}

/// The values of `VARIABLES`, in their order.
pub(super) struct Bindings {
    pub(super) request: Value,
    pub(super) tables: Value,
    pub(super) now: Value,
}

impl Expression {
    /// `prelude` holds definitions that `text` may use.
    pub(super) fn compile(place: &str, prelude: &str, text: &str) -> Result<Self, MockError> {
        let bad = |reason: String| MockError::Expression { place: place.to_owned(), reason };
        let sealed = load::parse(SEALED, |parser| parser.defs()).unwrap_or_default();
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).chain(sealed);
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let code = format!("{prelude}\n{text}");
        let program = File { code: code.as_str(), path: () };
        let modules = Loader::new(definitions).load(&arena, program).map_err(|errors| {
            bad(errors.iter().map(|(_, error)| unread(&code, error)).collect::<Vec<_>>().join("; "))
        })?;
        let filter = Compiler::default().with_funs(functions).with_global_vars(VARIABLES).compile(modules).map_err(
            |errors| {
                let unknown = errors.iter().flat_map(|(_, unknown)| unknown);
                let unknown = unknown.map(|(name, kind)| format!("unknown {} {name}", kind.as_str()));
                bad(unknown.collect::<Vec<_>>().join("; "))
            },
        )?;
        Ok(Self { place: place.to_owned(), filter })
    }

    /// The one value that the expression makes of its input. None, or a second one, is an error.
    pub(super) fn run(&self, input: Value, bindings: &Bindings) -> Result<Value, String> {
        let values = [bindings.request.clone(), bindings.tables.clone(), bindings.now.clone()];
        let context = Ctx::<JustLut<Value>>::new(&self.filter.lut, Vars::new(values));
        let mut values = self.filter.id.run((context, input));
        let first = match values.next() {
            Some(Ok(value)) => value,
            Some(Err(exception)) => {
                let reason = exception.get_err().map_or_else(|_| "stopped".to_owned(), |error| error.to_string());
                return Err(format!("{}: {}", self.place, excerpt(&reason)));
            }
            None => return Err(format!("{}: gives no value", self.place)),
        };
        if values.next().is_some() {
            return Err(format!("{}: gives more than one value", self.place));
        }
        Ok(first)
    }
}

pub(super) fn read(json: &[u8]) -> Result<Value, String> {
    jaq_json::read::parse_single(json).map_err(|error| error.to_string())
}

pub(super) fn write(value: &Value) -> String {
    value.to_string()
}

pub(super) fn text(value: &str) -> Value {
    Value::from(value.to_owned())
}

pub(super) fn object(members: impl IntoIterator<Item = (String, Value)>) -> Value {
    Value::obj(members.into_iter().map(|(name, value)| (Value::from(name), value)).collect())
}

/// Where the text stops making sense, by line of the expression with its prelude before it.
fn unread(code: &str, error: &load::Error<&str>) -> String {
    let places: Vec<String> = match error {
        load::Error::Io(errors) => errors.iter().map(|(path, why)| format!("cannot load {path}: {why}")).collect(),
        load::Error::Lex(errors) => errors
            .iter()
            .map(|(expected, found)| format!("expected {} {}", expected.as_str(), near(code, found)))
            .collect(),
        load::Error::Parse(errors) => errors
            .iter()
            .map(|(expected, found)| format!("expected {} {}", expected.as_str(), near(code, found)))
            .collect(),
    };
    places.join("; ")
}

fn near(code: &str, found: &str) -> String {
    if found.is_empty() {
        return "at the end".to_owned();
    }
    let start = load::span(code, found).start;
    let line = code.get(..start).map_or(0, |before| before.matches('\n').count()) + 1;
    format!("at line {line}, before {:?}", excerpt(found))
}

/// An error of jq repeats the value it stumbled over, which may be a whole table.
fn excerpt(text: &str) -> String {
    text.chars().take(200).collect()
}
