//! One request to one route: a place, a budget, the script, and its answer or its fault.

mod hooks;
mod jobs;
mod session;
mod stream;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use http::StatusCode;
use poem::Response;
use rhai::{Dynamic, EvalAltResult, Position};

use super::{
    Plugin,
    checks::Sent,
    execute::Executor,
    growth::Call,
    route::{Handler, Route},
};
use crate::{
    diagnostic::Diagnostic,
    host::{
        answer::{Answer, AnswerError, Asked, ScriptResponse},
        current::{self, Phase},
        error::{Raised, mistake, outcome},
        problem::Problem,
        request::ScriptRequest,
        session::Mark,
    },
    script::{
        budget::{self, Limits, Spent, Thread},
        cells, fault, memory,
    },
    settings::Responses,
};

/// What became of one run of a script.
enum Ran {
    Answer(Answer),
    Problem(Problem),
    Spent(Spent, Option<Box<Diagnostic>>),
    Fault(Box<Diagnostic>),
}

impl Plugin {
    /// Answers a request by the route at `index` of the plugin's routes.
    pub(crate) async fn serve(
        self: &Arc<Self>,
        index: usize,
        request: ScriptRequest,
        executor: &Executor,
    ) -> Response {
        let Some(route) = self.routes.get(index) else {
            return Problem::new(StatusCode::NOT_FOUND).into_response();
        };
        if self.growth.is_exhausted() {
            return busy("this plugin has left too much memory behind");
        }
        if let Some(Err(wait)) =
            route.rates.as_ref().map(|rates| rates.take(request.data().client_ip, Instant::now()))
        {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            return Problem::new(StatusCode::TOO_MANY_REQUESTS)
                .retry_after(seconds)
                .detail("this address calls too often")
                .into_response();
        }
        let time = route.spec.timeout.unwrap_or(self.script_time());
        let admitted = match self.admission.enter_at_once() {
            Some(place) => Ok(place),
            // Boxed, as most need not wait.
            None => Box::pin(self.admission.enter(time)).await,
        };
        let Ok(_place) = admitted else {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            return busy(&format!("{} has too many requests to answer", self.mount));
        };
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let (id, shown) = (request.data().id, request.data().shows_faults);
        let speed = self.pace(index);
        let done = if let Some(thread) = executor.at_once(speed) {
            Some(self.run_route(index, request, time, thread))
        } else {
            let plugin = Arc::clone(self);
            let job = move |thread| plugin.run_route(index, request, time, thread);
            Box::pin(executor.run(speed, &self.share, job)).await
        };
        let Some((ran, mark)) = done else {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            return busy("no thread is free to answer this request");
        };
        let mut response = match ran {
            Ran::Answer(Answer::Ready(response, _)) => response,
            Ran::Answer(Answer::Stream(stream)) => self.stream(stream, time, executor),
            Ran::Problem(problem) => problem.into_response(),
            Ran::Spent(Spent::Crowded, _) => {
                self.counters.refused.fetch_add(1, Ordering::Relaxed);
                busy("scripts hold too much memory together")
            }
            Ran::Spent(Spent::Busy, _) => busy("too many slow requests are being answered"),
            Ran::Spent(spent, place) => self.spent(spent, place, &id.to_string(), shown),
            Ran::Fault(diagnostic) => self.fault(&diagnostic, &id.to_string(), shown),
        };
        if let Some(mark) = mark {
            mark.put_on(response.headers_mut());
        }
        response
    }

    fn run_route(
        &self,
        index: usize,
        request: ScriptRequest,
        time: Duration,
        thread: Thread,
    ) -> (Ran, Option<Mark>) {
        let Some(route) = self.routes.get(index) else {
            return (Ran::Problem(Problem::new(StatusCode::NOT_FOUND)), None);
        };
        let _much = memory::give_back_what_is_freed();
        let now = Instant::now();
        let budget = budget::enter_at(now, self.budget(now + time), thread);
        let before = memory::balance();
        let cells = cells::remember();
        let _current = current::enter(Arc::clone(&self.context), Phase::Request);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut request = request;
            match route.checks.as_ref().map(|checks| checks.request(request.data())) {
                None => {}
                Some(Ok(typed)) => request.fill(typed),
                Some(Err(problem)) => return Ok(Err(AnswerError::Refused(problem))),
            }
            let asked = request.clone();
            let value = self.call(route, request)?;
            let data = asked.data();
            let asked = Asked { method: &data.method, headers: &data.headers };
            Ok::<_, Box<EvalAltResult>>(self.answered(value, route, asked))
        }));
        let kept = match budget.spent() {
            None => session::finish(result.as_ref().ok()),
            Some(_) => Ok(None),
        };
        if let Some(pace) = self.paces.get(index) {
            let call = self.counters.requests.load(Ordering::Relaxed);
            pace.note(budget.speed(), call);
        }
        if let Some(spent) = budget.spent() {
            drop(cells);
            self.note_left(before, 0);
            let place = match result {
                Ok(Err(error)) => Some(Box::new(self.diagnose(&error, &route.place.file))),
                _ => None,
            };
            return (Ran::Spent(spent, place), None);
        }
        let mark = match kept {
            Ok(mark) => mark,
            Err(problem) => return (Ran::Problem(problem), None),
        };
        let ran = match result {
            Ok(Ok(Ok(answer))) => {
                let body = if let Answer::Ready(_, bytes) = answer { bytes } else { 0 };
                drop(cells);
                self.note_left(before, body);
                Ran::Answer(answer)
            }
            Ok(Ok(Err(AnswerError::Refused(problem)))) => Ran::Problem(problem),
            Ok(Ok(Err(AnswerError::Raised(error))) | Err(error)) => self.judge(error, route),
            Ok(Ok(Err(error))) => {
                Ran::Fault(Box::new(bad_answer(&error, route).of_plugin(&*self.name)))
            }
            Err(_) => Ran::Fault(Box::new(
                Diagnostic::error("panic", "a native function gave up")
                    .at(route.place.clone())
                    .help("please report the script"),
            )),
        };
        (ran, mark)
    }

    /// Notes what a call left behind that began at a balance of `before`.
    fn note_left(&self, before: i64, body: u64) {
        let call = Call {
            plugin: &self.name,
            left: memory::balance().wrapping_sub(before),
            body,
            memory_bytes: self.limits.memory_bytes,
        };
        self.growth.note(&call, || self.state_bytes());
    }

    /// Whether an error is one that the script means its client to see.
    #[cold]
    fn judge(&self, error: Box<EvalAltResult>, route: &Route) -> Ran {
        match outcome(error) {
            Raised::Problem(problem) if problem.bytes() > self.limits.output_bytes => {
                let error = AnswerError::TooLarge { most: self.limits.output_bytes };
                Ran::Fault(Box::new(bad_answer(&error, route).of_plugin(&*self.name)))
            }
            Raised::Problem(problem) => self.raised(problem, route),
            Raised::Fault(error) => Ran::Fault(Box::new(self.diagnose(&error, &route.place.file))),
            Raised::Spent => Ran::Spent(Spent::Operations, None),
        }
    }

    /// `before`, the handler, `after`.
    fn call(&self, route: &Route, request: ScriptRequest) -> Result<Dynamic, Box<EvalAltResult>> {
        let request = Dynamic::from(request);
        let mut value = None;
        for before in &self.before {
            let answer = before.call(&self.engine, [request.clone()])?;
            if !answer.is_unit() {
                value = Some(answer);
                break;
            }
        }
        let mut value = match value {
            Some(value) => value,
            None if self.after.is_empty() => {
                return self.answer(route, request);
            }
            None => self.answer(route, request.clone())?,
        };
        for after in &self.after {
            let response =
                ScriptResponse::from_value(value).map_err(|error| unanswerable(&error, route))?;
            value = after.call(&self.engine, [request.clone(), Dynamic::from(response)])?;
        }
        Ok(value)
    }

    /// What the route itself answers.
    fn answer(&self, route: &Route, request: Dynamic) -> Result<Dynamic, Box<EvalAltResult>> {
        let value = match &route.handler {
            Handler::Script(handler) => handler.call(&self.engine, [request])?,
            Handler::Mock(mock) => match request.try_cast::<ScriptRequest>() {
                Some(request) => Dynamic::from(mock.answer(&request)),
                None => Dynamic::UNIT,
            },
        };
        let Some(checks) = &route.checks else { return Ok(value) };
        let response = ScriptResponse::from_value_as(value, checks.usual());
        response.map(Dynamic::from).map_err(|error| match error {
            AnswerError::Raised(error) => error,
            error => unanswerable(&error, route),
        })
    }

    /// What a value is on the wire, if that is what the route promises.
    fn answered(
        &self,
        value: Dynamic,
        route: &Route,
        asked: Asked<'_>,
    ) -> Result<Answer, AnswerError> {
        if route.checks.is_none() && !value.is_shared() && (value.is_map() || value.is_array()) {
            return Answer::json(&value, &self.context);
        }
        let response = ScriptResponse::from_value(value)?;
        let checks = route.checks.as_deref().filter(|checks| checks.promises());
        let (Some(checks), true) = (checks, self.responses != Responses::Off) else {
            return response.into_answer(&self.context, asked);
        };
        response.into_inspected(&self.context, asked, |status, headers, body| {
            match checks.broken(&Sent { status, headers, body }) {
                Some(fault) => self.broken_promise(route, fault),
                None => Ok(()),
            }
        })
    }

    /// A problem that the script raised, unless the route promises another one of its status.
    #[cold]
    fn raised(&self, problem: Problem, route: &Route) -> Ran {
        let checks = route.checks.as_deref().filter(|checks| checks.promises());
        let checks = checks.filter(|_| self.responses != Responses::Off);
        let broken = checks.and_then(|checks| {
            let (headers, body) = (problem.headers(), problem.body());
            checks.broken(&Sent { status: problem.status(), headers: &headers, body: Some(&body) })
        });
        match broken.map(|fault| self.broken_promise(route, fault)) {
            Some(Err(error)) => {
                Ran::Fault(Box::new(bad_answer(&error, route).of_plugin(&*self.name)))
            }
            None | Some(Ok(())) => Ran::Problem(problem),
        }
    }

    /// Counts a broken promise, and refuses it or logs it.
    #[cold]
    fn broken_promise(&self, route: &Route, fault: String) -> Result<(), AnswerError> {
        self.counters.broken_promises.fetch_add(1, Ordering::Relaxed);
        if self.responses == Responses::Refuse {
            return Err(AnswerError::Broken(fault));
        }
        let diagnostic = broken(&fault, route).of_plugin(&*self.name);
        tracing::warn!(plugin = self.name, "{}", diagnostic.render(false));
        Ok(())
    }

    fn budget(&self, deadline: Instant) -> Limits {
        Limits {
            deadline,
            operations: self.limits.operations,
            memory_bytes: self.limits.memory_bytes,
            total_memory_bytes: self.limits.total_memory_bytes,
        }
    }

    fn diagnose(&self, error: &EvalAltResult, file: &str) -> Diagnostic {
        fault::runtime(error, file, &self.texts).of_plugin(&*self.name)
    }

    #[cold]
    fn spent(
        &self,
        spent: Spent,
        place: Option<Box<Diagnostic>>,
        id: &str,
        shown: bool,
    ) -> Response {
        self.counters.faults.fetch_add(1, Ordering::Relaxed);
        let mut diagnostic = place.map_or_else(
            || Diagnostic::error("budget", "").of_plugin(&*self.name),
            |diagnostic| *diagnostic,
        );
        diagnostic.code = "budget";
        diagnostic.message = spent.to_string();
        diagnostic.help =
            Some("limits are set in [limits], for one plugin in [plugins.NAME.limits]".to_owned());
        log(&self.name, &diagnostic, id);
        let problem =
            Problem::new(StatusCode::SERVICE_UNAVAILABLE).retry_after(1).with("error_id", id);
        let detail = "the request took more than it may use";
        if shown { explained(problem, &diagnostic) } else { problem.detail(detail).into_response() }
    }

    #[cold]
    fn fault(&self, diagnostic: &Diagnostic, id: &str, shown: bool) -> Response {
        self.counters.faults.fetch_add(1, Ordering::Relaxed);
        log(&self.name, diagnostic, id);
        let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR).with("error_id", id);
        let detail = "the server could not answer this request";
        if shown { explained(problem, diagnostic) } else { problem.detail(detail).into_response() }
    }
}

/// In development a client sees the fault itself, elsewhere only that there was one.
fn explained(problem: Problem, diagnostic: &Diagnostic) -> Response {
    let shown = serde_json::to_value(diagnostic).unwrap_or_default();
    problem
        .detail(diagnostic.to_string())
        .with("diagnostic", shown)
        .with("rendered", diagnostic.render(false))
        .into_response()
}

fn log(plugin: &str, diagnostic: &Diagnostic, id: &str) {
    tracing::error!(plugin, error_id = id, "{}", diagnostic.render(false));
}

/// An answer that is not what the route promises.
fn broken(fault: &str, route: &Route) -> Diagnostic {
    let methods = route.methods.join(" ");
    Diagnostic::error("broken-promise", format!("{methods} {} {fault}", route.pattern))
        .at(route.place.clone())
        .help("change what the handler answers, or what the route promises")
}

/// A value that is no answer, as an error at the route whose it is.
#[cold]
fn unanswerable(error: &AnswerError, route: &Route) -> Box<EvalAltResult> {
    let clamped = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
    let mut raised = mistake(error.to_string());
    raised.set_position(Position::new(clamped(route.place.line), clamped(route.place.column)));
    raised
}

#[cold]
fn bad_answer(error: &AnswerError, route: &Route) -> Diagnostic {
    if let AnswerError::Broken(fault) = error {
        return broken(fault, route);
    }
    Diagnostic::error("answer", error.to_string()).at(route.place.clone())
}

#[cold]
fn busy(detail: &str) -> Response {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE).retry_after(1).detail(detail).into_response()
}
