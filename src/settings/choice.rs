//! Settings that are one of a few words.

use serde::{Serialize, Serializer};

/// A setting that is one of a few words.
pub(super) trait Choice: Copy + 'static {
    /// Each that can be chosen, in the order in which they are offered.
    const ALL: &'static [Self];

    /// The word in the configuration.
    fn word(self) -> &'static str;
}

/// Declares enums whose variants are the words of a setting.
macro_rules! choices {
    ($($(#[$meta:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal),+ $(,)? })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub enum $name { $($(#[$about])* $variant),+ }

        impl $name {
            /// The word for it in the configuration.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl Choice for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn word(self) -> &'static str {
                self.as_str()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    )+};
}

choices! {
    /// The content type of a plain string that a handler returns.
    StringType {
        /// `text/plain`.
        #[default]
        Text = "text",
        /// `text/html`: only for scripts that escape what they put into it.
        Html = "html",
    }

    /// How changes on disk are noticed.
    WatchMode {
        /// The system's notifications, or polling where they cannot be had.
        #[default]
        Auto = "auto",
        /// The system's notifications only.
        Native = "native",
        /// A look at the files every `poll_ms`.
        Poll = "poll",
        /// Not at all: reload by signal or request.
        Off = "off",
    }

    /// The least severe events that are logged.
    LogLevel {
        /// Nothing.
        Off = "off",
        /// What someone must act on.
        Error = "error",
        /// Also what is degraded.
        Warn = "warn",
        /// Also what happens in the ordinary course.
        #[default]
        Info = "info",
        /// Also what helps to find a fault.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }

    /// How log events are written.
    LogFormat {
        /// A line of text for people.
        #[default]
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }

    /// How requests are logged.
    AccessLog {
        /// Not at all.
        Off = "off",
        /// A line of text for people.
        #[default]
        Text = "text",
        /// One JSON object a line.
        Json = "json",
        /// Common Log Format.
        Clf = "clf",
    }

    /// The oldest version of TLS that is spoken.
    TlsVersion {
        /// TLS 1.2 and TLS 1.3.
        #[default]
        Tls12 = "1.2",
        /// TLS 1.3 only.
        Tls13 = "1.3",
    }

    /// Who may read the `OpenAPI` document and its pages.
    OpenApiAccess {
        /// Everyone.
        Open = "open",
        /// Who may use the administration, and keys with the scope `openapi`.
        #[default]
        Key = "key",
        /// No one.
        Off = "off",
    }

    /// What becomes of an answer that is not what its route promises.
    Responses {
        /// Refused in development, logged otherwise.
        #[default]
        Auto = "auto",
        /// The caller gets 500, with the fault in development.
        Refuse = "refuse",
        /// It is sent, and the fault is logged and counted.
        Log = "log",
        /// It is not looked at.
        Off = "off",
    }

    /// What a reload that breaks the published contract does.
    OnBreaking {
        /// It is published, with a warning.
        #[default]
        Warn = "warn",
        /// It is refused.
        Refuse = "refuse",
    }

    /// Whether a cookie comes with requests that other sites begin.
    SameSite {
        /// Only when a person follows a link to here.
        #[default]
        Lax = "lax",
        /// Never.
        Strict = "strict",
        /// Always.
        None = "none",
    }

    /// Which key a plugin's routes ask for.
    PluginAuth {
        /// None: the plugin is open.
        #[default]
        None = "none",
        /// The global key, `auth.apikey` or one of `auth.keys`.
        Global = "global",
        /// The plugin's own `apikey`.
        Plugin = "plugin",
    }

    /// Which key a folder of documents asks for.
    MountAuth {
        /// None: everybody may read it.
        #[default]
        None = "none",
        /// The global key, `auth.apikey` or one of `auth.keys` with the scope `documents`.
        Global = "global",
    }
}
