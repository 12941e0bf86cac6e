//! Keys in the document: the carriers that OpenAPI can express, and which operations ask for one.
//!
//! A key can also be sent as `apikey` in a JSON body, for which OpenAPI has no word.

use serde_json::{Map, Value, json};

use crate::{
    plugin::spec::Auth,
    settings::{PluginAuth, Settings},
};

/// Who may use an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Open,
    /// Who has a key with any of these scopes.
    Key(Vec<String>),
    /// The same for the administration, which asks for no key where none is configured.
    Administration(Vec<String>),
}

impl Access {
    /// Who may use a route of `plugin`, for which the configuration says `configured`.
    pub(super) fn of_route(auth: &Auth, plugin: &str, configured: PluginAuth) -> Self {
        match (auth, configured) {
            (Auth::Open, _) | (Auth::AsPlugin, PluginAuth::None) => Self::Open,
            (Auth::AsPlugin, PluginAuth::Global | PluginAuth::Plugin) => {
                Self::Key(vec![format!("plugin:{plugin}")])
            }
            (Auth::AnyOf(scopes), _) => Self::Key(scopes.clone()),
        }
    }

    /// Whether a key is asked for.
    pub(super) fn is_guarded(&self) -> bool {
        *self != Self::Open
    }

    /// What an operation says in `security`; nothing where anybody may use it.
    pub(super) fn requirements(&self, keys: &Keys) -> Option<Value> {
        let scopes = match self {
            Self::Open => return None,
            Self::Administration(_) if !keys.are_configured => return None,
            Self::Key(scopes) | Self::Administration(scopes) => scopes,
        };
        let of_scopes = |scopes: &[String]| -> Vec<Value> {
            keys.carriers.iter().map(|(name, _)| json!({ *name: scopes })).collect()
        };
        // The scopes of one requirement are all asked for, so that "any of" is one for each.
        let all: Vec<Value> = match scopes.len() {
            0 => of_scopes(&[]),
            _ => scopes.iter().flat_map(|scope| of_scopes(std::slice::from_ref(scope))).collect(),
        };
        Some(all.into())
    }
}

/// How keys are taken, and whether there are any.
#[derive(Debug)]
pub(super) struct Keys {
    carriers: Vec<(&'static str, Value)>,
    are_configured: bool,
}

impl Keys {
    /// What the configuration says of them.
    pub(super) fn of(settings: &Settings) -> Self {
        Self { carriers: carriers(settings), are_configured: settings.auth.has_key() }
    }

    /// Whether any are configured.
    pub(super) fn are_configured(&self) -> bool {
        self.are_configured
    }

    /// The schemes under which they are taken.
    pub(super) fn into_schemes(self) -> Map<String, Value> {
        self.carriers.into_iter().map(|(name, scheme)| (name.to_owned(), scheme)).collect()
    }
}

fn carriers(settings: &Settings) -> Vec<(&'static str, Value)> {
    let mut carriers = vec![
        (
            "bearer",
            json!({ "type": "http", "scheme": "bearer",
                    "description": "A key, as `Authorization: Bearer KEY`." }),
        ),
        (
            "header",
            json!({ "type": "apiKey", "in": "header", "name": "X-Custom-Auth",
                    "description": "The same key, as `X-Custom-Auth: KEY`." }),
        ),
    ];
    carriers.push((
        "basic",
        json!({ "type": "http", "scheme": "basic",
                "description": "The same key as the password, with any user: for people at browsers." }),
    ));
    if settings.auth.url_key {
        carriers.push((
            "query",
            json!({ "type": "apiKey", "in": "query", "name": "apikey",
                    "description": "The same key, as `?apikey=KEY`. Proxies and browser histories keep it there." }),
        ));
    }
    carriers
}
