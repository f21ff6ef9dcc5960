//! Arguments and results, judged by their schemas: in place where that takes no time to speak of, and else on a thread that
//! serves nobody.

use serde_json::Value;
use tokio::sync::Semaphore;

use super::Fault;
use crate::router::{Admitted, Route};
use crate::schema::{Judge, Verdict};

/// Judgements under way apart from the serving threads, over all calls and all hosts that a reload makes, and one of a shard.
/// One takes about a second at most, and the processors are everybody's.
static APART: Semaphore = Semaphore::const_new(2);

/// Refuses arguments that do not fit, with what is wrong.
pub(super) async fn arguments(route: &Route, call: &Admitted, arguments: &Value) -> Result<(), Fault> {
    let whole = "the arguments";
    let judge = route.input();
    let verdict = if judge.is_light(arguments) {
        judge.judge(arguments, whole)
    } else {
        apart(call, judge, || arguments.clone(), whole).await.0
    };
    match verdict {
        Verdict::Fits => Ok(()),
        Verdict::Misfit(problems) => Err(Fault::InvalidArguments(problems.join("; "))),
        Verdict::TooMuch(too_much) => {
            Err(Fault::InvalidArguments(format!("{whole}: {too_much}; ask for less at once")))
        }
    }
}

/// Gives back data that fits. The operator learns what is wrong with other data.
pub(super) async fn data(route: &Route, call: &Admitted, data: Option<Value>) -> Result<Option<Value>, Fault> {
    let misfit = |problems: &str| {
        tracing::warn!(tool = %route.tool.name, problems, "result does not fit its schema");
        Err(Fault::OutputMisfit)
    };
    let (judge, data) = match (route.output(), data) {
        (None, data) => return Ok(data),
        (Some(_), None) => return misfit("data is missing, but the tool has an output schema"),
        (Some(judge), Some(data)) => (judge, data),
    };
    let whole = "the data";
    let (verdict, data) = if judge.is_light(&data) {
        (judge.judge(&data, whole), Some(data))
    } else {
        apart(call, judge, || data, whole).await
    };
    match verdict {
        Verdict::Fits => Ok(data),
        Verdict::Misfit(problems) => misfit(&problems.join("; ")),
        Verdict::TooMuch(too_much) => misfit(&format!("{whole}: {too_much}")),
    }
}

/// The value comes back with the verdict, unless judging it failed. It is made when its turn has come, and its turn lasts
/// until it has been judged, also where nobody waits for that any more.
async fn apart(
    call: &Admitted,
    judge: &Judge,
    value: impl FnOnce() -> Value,
    whole: &'static str,
) -> (Verdict, Option<Value>) {
    let turn = call.turn().acquire_owned().await;
    let room = APART.acquire().await;
    let (judge, value) = (judge.clone(), value());
    let judging = tokio::task::spawn_blocking(move || {
        let _held = (turn, room);
        (judge.judge(&value, whole), Some(value))
    });
    judging.await.unwrap_or_else(|_| (Verdict::Misfit(vec![format!("{whole}: could not be judged")]), None))
}
