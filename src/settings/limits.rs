//! How much a client and a script may use.
//!
//! Every limit has a value: there is no way to write "unlimited".

use std::time::Duration;

use serde::Serialize;

/// `[limits]`: bounds on connections and requests, and the bounds of scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Limits {
    /// Milliseconds a client has to send a whole request head.
    pub header_ms: u64,
    /// Milliseconds a client has to send a whole request body.
    pub body_ms: u64,
    /// Milliseconds a connection may stay open without a request.
    pub idle_ms: u64,
    /// Milliseconds that open requests have to end when the server stops.
    pub grace_ms: u64,
    /// Bytes of a request body, counted as they are read.
    pub body_bytes: usize,
    /// Bytes of the bodies of all requests together, the first 16 KiB of each aside.
    pub total_body_bytes: usize,
    /// Bytes of a request head.
    pub header_bytes: usize,
    /// Connections open at the same time.
    pub connections: usize,
    /// Threads for scripts that take long, of all plugins together.
    pub script_threads: usize,
    /// The bounds of a script, unless its plugin has its own.
    #[serde(flatten)]
    pub script: ScriptLimits,
}

/// What one plugin's script may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ScriptLimits {
    /// Milliseconds for one call of a handler, job or hook.
    pub script_ms: u64,
    /// Milliseconds for compiling the script and running its top level.
    pub load_ms: u64,
    /// Operations for one call; one is a node of the script's syntax tree.
    pub operations: u64,
    /// Nested calls of functions.
    pub call_depth: usize,
    /// Bytes of memory that one call may hold.
    pub memory_bytes: u64,
    /// Bytes of memory that the calls of all plugins may hold together: no plugin has its own.
    pub total_memory_bytes: u64,
    /// Bytes of one answer's body.
    pub output_bytes: usize,
    /// Bytes of what one call writes into a stream.
    pub stream_bytes: u64,
    /// Calls that may be off the workers at the same time because they take long.
    pub concurrency: usize,
    /// Calls that may wait for one of those places before callers are turned away.
    pub queue: usize,
    /// Bytes that the plugin keeps in its store.
    pub store_bytes: usize,
    /// Bytes of the files that the plugin keeps, in blocks of 4096.
    pub files_bytes: u64,
    /// Whether functions are compiled where they can be, instead of being interpreted.
    pub compile: bool,
    /// Whether compiled functions are interpreted as well where a call has no effects, and both outcomes compared.
    pub self_check: bool,
}

/// `[plugins.NAME.limits]`: the bounds that a plugin has of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LimitOverrides {
    /// See [`ScriptLimits::script_ms`].
    pub script_ms: Option<u64>,
    /// See [`ScriptLimits::load_ms`].
    pub load_ms: Option<u64>,
    /// See [`ScriptLimits::operations`].
    pub operations: Option<u64>,
    /// See [`ScriptLimits::call_depth`].
    pub call_depth: Option<usize>,
    /// See [`ScriptLimits::memory_bytes`].
    pub memory_bytes: Option<u64>,
    /// See [`ScriptLimits::output_bytes`].
    pub output_bytes: Option<usize>,
    /// See [`ScriptLimits::stream_bytes`].
    pub stream_bytes: Option<u64>,
    /// See [`ScriptLimits::concurrency`].
    pub concurrency: Option<usize>,
    /// See [`ScriptLimits::queue`].
    pub queue: Option<usize>,
    /// See [`ScriptLimits::store_bytes`].
    pub store_bytes: Option<usize>,
    /// See [`ScriptLimits::files_bytes`].
    pub files_bytes: Option<u64>,
    /// See [`ScriptLimits::compile`].
    pub compile: Option<bool>,
    /// See [`ScriptLimits::self_check`].
    pub self_check: Option<bool>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_ms: 10_000,
            body_ms: 30_000,
            idle_ms: 60_000,
            grace_ms: 10_000,
            body_bytes: 1 << 20,
            total_body_bytes: 256 << 20,
            header_bytes: 64 << 10,
            connections: 10_000,
            script_threads: 64,
            script: ScriptLimits::default(),
        }
    }
}

impl Default for ScriptLimits {
    fn default() -> Self {
        Self {
            script_ms: 2_000,
            load_ms: 2_000,
            operations: 50_000_000,
            call_depth: 64,
            memory_bytes: 64 << 20,
            total_memory_bytes: 512 << 20,
            output_bytes: 16 << 20,
            stream_bytes: 256 << 20,
            concurrency: 32,
            queue: 128,
            store_bytes: 256 << 20,
            files_bytes: 256 << 20,
            compile: true,
            self_check: false,
        }
    }
}

impl Limits {
    /// How long a client has to send a whole request head.
    pub fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_ms)
    }

    /// How long a client has to send a whole request body.
    pub fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_ms)
    }

    /// How long a connection may stay open without a request.
    pub fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_ms)
    }

    /// How long open requests have to end when the server stops.
    pub fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms)
    }
}

impl ScriptLimits {
    /// How long one call of a handler, job or hook may take.
    pub fn script_timeout(&self) -> Duration {
        Duration::from_millis(self.script_ms)
    }

    /// How long compiling the script and running its top level may take.
    pub fn load_timeout(&self) -> Duration {
        Duration::from_millis(self.load_ms)
    }

    /// These limits with what `own` says instead.
    #[must_use]
    pub fn overlaid(&self, own: &LimitOverrides) -> Self {
        Self {
            script_ms: own.script_ms.unwrap_or(self.script_ms),
            load_ms: own.load_ms.unwrap_or(self.load_ms),
            operations: own.operations.unwrap_or(self.operations),
            call_depth: own.call_depth.unwrap_or(self.call_depth),
            memory_bytes: own.memory_bytes.unwrap_or(self.memory_bytes),
            total_memory_bytes: self.total_memory_bytes,
            output_bytes: own.output_bytes.unwrap_or(self.output_bytes),
            stream_bytes: own.stream_bytes.unwrap_or(self.stream_bytes),
            concurrency: own.concurrency.unwrap_or(self.concurrency),
            queue: own.queue.unwrap_or(self.queue),
            store_bytes: own.store_bytes.unwrap_or(self.store_bytes),
            files_bytes: own.files_bytes.unwrap_or(self.files_bytes),
            compile: own.compile.unwrap_or(self.compile),
            self_check: own.self_check.unwrap_or(self.self_check),
        }
    }
}
