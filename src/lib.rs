//! hotplate: an HTTP server that people program by dropping Rhai scripts into a folder.
mod diagnostic;
mod settings;
pub use diagnostic::{Diagnostic, Frame, Place, Related, Severity};
pub use settings::{
    AccessLog, AuthSettings, ContractSettings, Exposure, InvalidDigest, InvalidRange, KeySettings,
    LimitOverrides, Limits, Loaded, LogFormat, LogLevel, LogSettings, NetworkSettings, OnBreaking,
    OpenApiAccess, OpenApiSettings, Overrides, PathSettings, PluginAuth, PluginSettings,
    ProxyRange, ScriptLimits, Secret, ServerSettings, Settings, Sources, StringType, TlsSettings,
    WatchMode, WatchSettings, process_environment,
};
