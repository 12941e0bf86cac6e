//! A small engine for the tests of natives: the standard package, the host's natives, a budget.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rhai::{
    Dynamic, Engine, EvalAltResult, Module, OptimizationLevel,
    packages::{Package, StandardPackage},
};

use super::current::{self, Phase, PluginContext};
use crate::{
    script::budget::{self, Limits, Spent, Thread},
    services::{Services, state::State},
    settings::SessionSettings,
};

/// The stack of a thread that runs scripts, in bytes.
const STACK: usize = 256 << 20;

/// How a script is tried.
#[derive(Clone)]
pub(crate) struct Trial {
    /// Why it runs.
    pub(crate) phase: Phase,
    /// How long it may run.
    pub(crate) time: Duration,
    /// How many bytes it may hold.
    pub(crate) memory_bytes: u64,
    /// What `state::` keeps.
    pub(crate) state: Arc<State>,
    /// The folder of what it keeps for good.
    pub(crate) data: Arc<tempfile::TempDir>,
}

impl Default for Trial {
    fn default() -> Self {
        Self {
            phase: Phase::Request,
            time: Duration::from_secs(60),
            memory_bytes: 64 << 20,
            state: Arc::default(),
            data: Arc::new(tempfile::tempdir().unwrap()),
        }
    }
}

/// Why a script failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The error's innermost message, without a position.
    pub(crate) message: String,
    /// What budget ran out, if one did.
    pub(crate) spent: Option<Spent>,
}

impl Trial {
    /// Runs a script to its end on a thread of its own.
    pub(crate) fn run(&self, script: &str) -> Result<Dynamic, Failure> {
        let (trial, script) = (self.clone(), script.to_owned());
        let thread = thread::Builder::new().stack_size(STACK);
        thread.spawn(move || trial.run_here(&script)).unwrap().join().unwrap()
    }

    fn run_here(&self, script: &str) -> Result<Dynamic, Failure> {
        let engine = engine();
        let ast = engine.compile(script).unwrap();
        let limits = Limits {
            deadline: Instant::now() + self.time,
            operations: 50_000_000,
            memory_bytes: self.memory_bytes,
            total_memory_bytes: u64::MAX,
        };
        let guard = budget::enter(limits, Thread::Own);
        let _run = current::enter(Arc::new(self.plugin()), self.phase);
        let result = engine.eval_ast::<Dynamic>(&ast);
        let spent = guard.spent();
        match result {
            Ok(value) if spent.is_none() => Ok(value),
            Ok(_) => Err(Failure { message: "went on".into(), spent }),
            Err(error) => Err(Failure { message: innermost(*error), spent }),
        }
    }

    fn plugin(&self) -> PluginContext {
        let services = Services::new(self.data.path(), &SessionSettings::default());
        PluginContext {
            name: "trial".into(),
            settings: Dynamic::UNIT,
            config: Dynamic::UNIT,
            string_type: "text/plain",
            development: true,
            output_bytes: 1 << 20,
            stream_bytes: 1 << 20,
            state: Arc::clone(&self.state),
            store: services.store("trial", 1 << 20),
            files: services.files("trial", 1 << 20),
            sessions: Arc::clone(services.sessions()),
        }
    }
}

/// What a script yields.
pub(crate) fn eval(script: &str) -> Dynamic {
    Trial::default().run(script).unwrap_or_else(|failure| panic!("{script}: {failure:?}"))
}

/// The message with which a script fails within its budget.
pub(crate) fn refused(script: &str) -> String {
    let failure = Trial::default().run(script).map(|_| ()).expect_err(script);
    assert_eq!(failure.spent, None, "{script}: {failure:?}");
    failure.message
}

/// That a script exceeds 64 MiB of memory before anything else.
pub(crate) fn outgrown(script: &str) {
    assert_eq!(stopped(script, Duration::from_secs(30)), Spent::Memory, "{script}");
}

/// That a script is stopped soon after its time is over.
pub(crate) fn overrun(script: &str) {
    let start = Instant::now();
    assert_eq!(stopped(script, Duration::from_millis(500)), Spent::Time, "{script}");
    assert!(start.elapsed() < Duration::from_secs(5), "{script}: {:?}", start.elapsed());
}

fn stopped(script: &str, time: Duration) -> Spent {
    let failure = Trial { time, ..Trial::default() }.run(script);
    let failure = failure.map(|_| ()).expect_err(script);
    failure.spent.unwrap_or_else(|| panic!("{script}: {failure:?}"))
}

fn innermost(error: EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _)
        | EvalAltResult::ErrorInModule(_, inner, _) => innermost(*inner),
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        other => other.to_string(),
    }
}

/// An engine as scripts get it.
pub(crate) fn engine() -> Engine {
    let mut engine = Engine::new_raw();
    engine.register_global_module(StandardPackage::new().as_shared_module());
    let mut natives = Module::new();
    super::extras::register(&mut natives);
    super::bulk::register(&mut natives);
    super::sleep::register(&mut natives);
    super::json::register(&mut natives);
    engine.register_global_module(natives.into());
    for (name, module) in [
        ("state", super::state::module()),
        ("store", super::store::module()),
        ("system", super::system::module()),
        ("files", super::files::module()),
        ("limits", super::limits::module()),
        ("log", super::log::module()),
        ("time", super::time::module()),
        ("json", super::json::module()),
        ("base64", super::base64::module()),
        ("url", super::url::module()),
        ("crypto", super::crypto::module()),
        ("regex", super::regex::module()),
    ] {
        engine.register_static_module(name, module.into());
    }
    engine.set_max_strings_interned(0);
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_max_expr_depths(64, 32);
    engine.on_progress(|_| budget::tick());
    engine
}
