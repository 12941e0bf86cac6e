//! What a request's session says of its answer.

use rhai::EvalAltResult;

use crate::host::{
    answer::{Answer, AnswerError},
    current,
    error::is_problem,
    problem::Problem,
    session::Mark,
};

/// What a handler came to, unless it panicked.
pub(super) type Outcome = Result<Result<Answer, AnswerError>, Box<EvalAltResult>>;

/// Keeps what a script wrote into its session, unless it failed: an error with a status is an answer like any
/// other. What cannot be kept is the answer then.
pub(super) fn finish(outcome: Option<&Outcome>) -> Result<Option<Mark>, Problem> {
    let Some(visit) = current::take_visit() else { return Ok(None) };
    match outcome {
        Some(Ok(Ok(_))) => visit.finish(),
        Some(Ok(Err(AnswerError::Raised(error))) | Err(error)) if is_problem(error) => {
            visit.finish()
        }
        _ => Ok(None),
    }
}
