//! For tests: what each function of a plugin comes to.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use rhai::Dynamic;

use super::Plugin;
use crate::{
    host::{
        answer::ScriptResponse,
        current::{self, Phase},
        declare::{callback::Callback, compared},
        request::{RequestData, ScriptRequest},
    },
    script::budget::{self, Limits, Thread},
};

/// What a function is called with.
enum Given {
    Nothing(Phase),
    Request,
    RequestAndAnswer,
}

impl Plugin {
    /// Its functions in an order that makes sense: what begins, what comes before requests, and so on.
    fn in_order(&self) -> Vec<(&Callback, Given)> {
        let nothing = |phase| move |function| (function, Given::Nothing(phase));
        let begin = self.on_start.iter().map(nothing(Phase::Lifecycle));
        let before = self.before.iter().map(|function| (function, Given::Request));
        let handlers = self.routes.iter().filter_map(|route| route.script());
        let handlers = handlers.map(|function| (function, Given::Request));
        let after = self.after.iter().map(|function| (function, Given::RequestAndAnswer));
        let jobs = self.jobs.iter().map(|job| (&job.function, Given::Nothing(Phase::Job)));
        let end = self.on_stop.iter().map(nothing(Phase::Lifecycle));
        begin.chain(before).chain(handlers).chain(after).chain(jobs).chain(end).collect()
    }

    /// How many functions it has that are called later.
    pub(crate) fn count(&self) -> usize {
        self.in_order().len()
    }

    /// What one of them comes to when it is called; `None` where a budget ended it.
    pub(crate) fn outcome(
        &self,
        index: usize,
        request: RequestData,
        limits: Limits,
    ) -> Option<String> {
        let functions = self.in_order();
        let (function, given) = &functions[index];
        let request = Dynamic::from(ScriptRequest::new(request));
        let phase = match given {
            Given::Nothing(phase) => *phase,
            Given::Request | Given::RequestAndAnswer => Phase::Request,
        };
        let budget = budget::enter(limits, Thread::Own);
        let _current = current::enter(Arc::clone(&self.context), phase);
        let result = catch_unwind(AssertUnwindSafe(|| match given {
            Given::Nothing(_) => function.call(&self.engine, []),
            Given::Request => function.call(&self.engine, [request]),
            Given::RequestAndAnswer => {
                let answer = ScriptResponse::from_value("answer".into()).unwrap();
                function.call(&self.engine, [request, Dynamic::from(answer)])
            }
        }));
        let text = match &result {
            Ok(result) => compared::outcome(result),
            Err(_) => "a panic".to_owned(),
        };
        drop(result);
        budget.spent().is_none().then_some(text)
    }
}
