//! One request to one route: a place, a budget, the script, and its answer or its fault.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use poem::{Body, Response};
use rhai::{Dynamic, EvalAltResult};
use tokio::{runtime::Handle, sync::mpsc};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

use super::{
    Plugin,
    execute::{Executor, Pace},
    growth::Call,
    route::Route,
};
use crate::{
    diagnostic::{Diagnostic, Place},
    host::{
        answer::{Answer, AnswerError, ScriptResponse, StreamSpec, StreamWriter, into_answer},
        current::{self, Phase},
        declare::callback::Callback,
        error::{Raised, mistake, outcome},
        problem::Problem,
        request::ScriptRequest,
    },
    script::{
        budget::{self, Limits, Spent, Thread},
        fault, memory,
    },
};

/// How many pieces of a stream may wait for a slow client.
const STREAM_PIECES: usize = 16;

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
        let time = route.spec.timeout.unwrap_or(self.script_time());
        let Ok(_place) = self.admission.enter(time).await else {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            return busy(&format!("{} has too many requests to answer", self.mount));
        };
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let id = request.data().id;
        let plugin = Arc::clone(self);
        let ran = executor
            .run(self.pace(index), move |thread| plugin.run_route(index, request, time, thread))
            .await;
        match ran {
            Some(Ran::Answer(Answer::Ready(response))) => response,
            Some(Ran::Answer(Answer::Stream(stream))) => self.stream(stream, time, executor),
            Some(Ran::Problem(problem)) => problem.into_response(),
            Some(Ran::Spent(Spent::Busy, _)) => busy("too many slow requests are being answered"),
            Some(Ran::Spent(spent, place)) => self.spent(spent, place, &id.to_string()),
            Some(Ran::Fault(diagnostic)) => self.fault(&diagnostic, &id.to_string()),
            None => busy("no thread is free to answer this request"),
        }
    }

    fn run_route(
        &self,
        index: usize,
        request: ScriptRequest,
        time: Duration,
        thread: Thread,
    ) -> Ran {
        let Some(route) = self.routes.get(index) else {
            return Ran::Problem(Problem::new(StatusCode::NOT_FOUND));
        };
        let began = matches!(thread, Thread::Own).then(Instant::now);
        let budget = budget::enter(self.budget(time), thread);
        let before = memory::balance();
        let _current = current::enter(Arc::clone(&self.context), Phase::Request);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let value = self.call(route, request)?;
            Ok::<_, Box<EvalAltResult>>(into_answer(value, &self.context))
        }));
        match began.map(|began| began.elapsed() >= budget::ESCALATE_AFTER) {
            None if budget.gave_way() => self.note_pace(index, Pace::Slow),
            // On a worker, and quick: there is nothing to note.
            None => {}
            Some(true) => self.note_pace(index, Pace::Slow),
            Some(false) => self.note_pace(index, Pace::Quick),
        }
        if let Some(spent) = budget.spent() {
            self.note_left(before, 0);
            if spent == Spent::Memory {
                memory::give_back_now();
            }
            let place = match result {
                Ok(Err(error)) => Some(Box::new(self.diagnose(&error, &route.handler))),
                _ => None,
            };
            return Ran::Spent(spent, place);
        }
        match result {
            Ok(Ok(Ok(mut answer))) => {
                self.note_left(before, answer.bytes());
                Ran::Answer(answer)
            }
            Ok(Ok(Err(AnswerError::Raised(error))) | Err(error)) => self.judge(error, route),
            Ok(Ok(Err(error))) => {
                Ran::Fault(Box::new(bad_answer(&error, route).of_plugin(&*self.name)))
            }
            Err(_) => Ran::Fault(Box::new(
                Diagnostic::error("panic", "a native function gave up")
                    .at(route.place.clone())
                    .help("please report the script"),
            )),
        }
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
    fn judge(&self, error: Box<EvalAltResult>, route: &Route) -> Ran {
        match outcome(error) {
            Raised::Problem(problem) if problem.bytes() > self.limits.output_bytes => {
                let error = AnswerError::TooLarge { most: self.limits.output_bytes };
                Ran::Fault(Box::new(bad_answer(&error, route).of_plugin(&*self.name)))
            }
            Raised::Problem(problem) => Ran::Problem(problem),
            Raised::Fault(error) => Ran::Fault(Box::new(self.diagnose(&error, &route.handler))),
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
                return route.handler.call(&self.engine, [request]);
            }
            None => route.handler.call(&self.engine, [request.clone()])?,
        };
        for after in &self.after {
            let response =
                ScriptResponse::from_value(value).map_err(|error| mistake(error.to_string()))?;
            value = after.call(&self.engine, [request.clone(), Dynamic::from(response)])?;
        }
        Ok(value)
    }

    fn budget(&self, time: Duration) -> Limits {
        Limits {
            deadline: Instant::now() + time,
            operations: self.limits.operations,
            memory_bytes: self.limits.memory_bytes,
        }
    }

    fn diagnose(&self, error: &EvalAltResult, handler: &Callback) -> Diagnostic {
        fault::runtime(error, handler.file(), &self.texts).of_plugin(&*self.name)
    }

    /// Answers with a body that the script writes as it goes, on a thread of our own.
    fn stream(self: &Arc<Self>, spec: StreamSpec, time: Duration, executor: &Executor) -> Response {
        let (sender, pieces) = mpsc::channel(STREAM_PIECES);
        let plugin = Arc::clone(self);
        let runtime = Handle::current();
        let write = spec.write;
        let queued = executor.pool().run(move || {
            let writer = StreamWriter::new(sender.clone(), runtime);
            if plugin.write_stream(&write, writer, time).is_err() {
                // The client sees that the body is not whole, or it is gone already.
                drop(sender.try_send(Err(std::io::Error::other("the stream was cut"))));
            }
        });
        if queued.is_err() {
            return busy("no thread is free to answer this request");
        }
        let body = http_body_util::StreamBody::new(
            ReceiverStream::new(pieces).map(|piece| piece.map(Frame::data)),
        );
        let mut response = Response::builder().status(spec.status).body(Body::from(body.boxed()));
        *response.headers_mut() = spec.headers;
        response
    }

    fn write_stream(&self, write: &Callback, out: StreamWriter, time: Duration) -> Result<(), ()> {
        let budget = budget::enter(self.budget(time), Thread::Own);
        let _current = current::enter(Arc::clone(&self.context), Phase::Request);
        let gone = out.clone();
        let result =
            catch_unwind(AssertUnwindSafe(|| write.call(&self.engine, [Dynamic::from(out)])));
        let message = match (budget.spent(), result) {
            (Some(spent), _) => spent.to_string(),
            (None, Ok(Ok(_))) => return Ok(()),
            (None, Ok(Err(_))) if gone.is_closed() => return Ok(()),
            (None, Ok(Err(error))) => self.diagnose(&error, write).render(false),
            (None, Err(_)) => "a native function gave up".to_owned(),
        };
        self.counters.faults.fetch_add(1, Ordering::Relaxed);
        tracing::error!(plugin = self.name, "a stream was cut: {message}");
        Err(())
    }

    /// Runs `on_start`, once this version is served.
    pub(crate) fn start(&self) {
        if let Some(diagnostic) = self.run_hooks(&self.on_start, "on_start") {
            *self.start_fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(diagnostic);
        }
    }

    /// Runs `on_stop`, when nothing uses this version any more.
    pub(crate) fn stop(&self) {
        self.run_hooks(&self.on_stop, "on_stop");
    }

    fn run_hooks(&self, hooks: &[Callback], what: &str) -> Option<Diagnostic> {
        for hook in hooks {
            let budget = budget::enter(self.budget(self.load_time()), Thread::Own);
            let _current = current::enter(Arc::clone(&self.context), Phase::Lifecycle);
            let result = catch_unwind(AssertUnwindSafe(|| hook.call(&self.engine, [])));
            let mut diagnostic = match result {
                Ok(Ok(_)) if budget.spent().is_none() => continue,
                Ok(Err(error)) => self.diagnose(&error, hook),
                Ok(Ok(_)) | Err(_) => Diagnostic::error("hook", "it did not end")
                    .at(Place::file(hook.file()))
                    .of_plugin(&*self.name),
            };
            if let Some(spent) = budget.spent() {
                diagnostic.message = spent.to_string();
            }
            diagnostic.message = format!("`{what}` failed: {}", diagnostic.message);
            tracing::error!(plugin = self.name, "{}", diagnostic.render(false));
            return Some(diagnostic);
        }
        None
    }

    fn spent(&self, spent: Spent, place: Option<Box<Diagnostic>>, id: &str) -> Response {
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
        self.explained(problem, "the request took more than it may use", &diagnostic)
    }

    fn fault(&self, diagnostic: &Diagnostic, id: &str) -> Response {
        self.counters.faults.fetch_add(1, Ordering::Relaxed);
        log(&self.name, diagnostic, id);
        let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR).with("error_id", id);
        self.explained(problem, "the server could not answer this request", diagnostic)
    }

    /// In development a client sees the fault itself, elsewhere only that there was one.
    fn explained(&self, problem: Problem, detail: &str, diagnostic: &Diagnostic) -> Response {
        if !self.context.development {
            return problem.detail(detail).into_response();
        }
        let shown = serde_json::to_value(diagnostic).unwrap_or_default();
        problem
            .detail(diagnostic.to_string())
            .with("diagnostic", shown)
            .with("rendered", diagnostic.render(false))
            .into_response()
    }
}

fn log(plugin: &str, diagnostic: &Diagnostic, id: &str) {
    tracing::error!(plugin, error_id = id, "{}", diagnostic.render(false));
}

fn bad_answer(error: &AnswerError, route: &Route) -> Diagnostic {
    Diagnostic::error("answer", error.to_string()).at(route.place.clone())
}

fn busy(detail: &str) -> Response {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE).retry_after(1).detail(detail).into_response()
}
