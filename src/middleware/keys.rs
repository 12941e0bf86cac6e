//! Pre-shared keys and what carries them: `Authorization: Bearer`, `X-Custom-Auth`, `?apikey=`, `apikey` in
//! a JSON body and, for browsers, the password of HTTP Basic.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, Uri, header};
use serde_json::Value;

use crate::settings::{AuthSettings, PluginAuth, PluginSettings, Secret};

/// The name of the key in a query or a JSON body.
pub(super) const PARAMETER: &str = "apikey";

/// Base64 as clients write it, with its padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether HTTP Basic counts. A browser sends it with every request once it knows it, whatever page is
/// behind the request; the other carriers are put there by whoever knows the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basic {
    /// It counts.
    Counts,
    /// It does not: somebody else's page may be behind the request.
    Ignored,
}

/// The keys that a request carries, each as sent.
#[derive(Debug, Default)]
pub(crate) struct Presented(Vec<Vec<u8>>);

/// Who presented a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The key's name; `apikey` for the global one.
    pub(crate) name: String,
    /// What it may be used for.
    pub(crate) scopes: Vec<String>,
}

impl Presented {
    /// Gathers the keys of a request. The body counts only when it is sent as `application/json`, which
    /// a page of another site cannot do without being allowed to.
    pub(crate) fn of(
        headers: &HeaderMap,
        uri: &Uri,
        body: &[u8],
        basic: Basic,
        settings: &AuthSettings,
    ) -> Self {
        let mut keys = Vec::new();
        for value in headers.get_all(header::AUTHORIZATION) {
            keys.extend(in_authorization(value.as_bytes(), basic));
        }
        keys.extend(headers.get_all("x-custom-auth").iter().map(|key| key.as_bytes().to_vec()));
        if settings.url_key {
            let query = uri.query().unwrap_or_default().as_bytes();
            let pairs = form_urlencoded::parse(query);
            let carried = pairs.filter(|(name, _)| name == PARAMETER);
            keys.extend(carried.map(|(_, key)| key.into_owned().into_bytes()));
        }
        keys.extend(in_body(headers, body));
        keys.retain(|key| !key.is_empty());
        Self(keys)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn is(&self, secret: &Secret) -> bool {
        // Every key is compared, so that the time does not tell which one it was.
        self.0.iter().fold(false, |found, key| secret.matches(key) | found)
    }

    /// Who it is that may use the administration, for the purpose of one of `scopes` or `admin`.
    pub(crate) fn administrator(&self, settings: &AuthSettings, scopes: &[&str]) -> Option<Holder> {
        let global = settings.apikey.as_ref().filter(|secret| self.is(secret));
        if global.is_some() {
            let scopes = vec!["admin".to_owned()];
            return Some(Holder { name: PARAMETER.to_owned(), scopes });
        }
        let may = |held: &String| held == "admin" || scopes.contains(&held.as_str());
        settings
            .keys
            .iter()
            .filter(|(_, key)| key.scopes.iter().any(may) && self.is(&key.key))
            .map(|(name, key)| Holder { name: name.clone(), scopes: key.scopes.clone() })
            .next()
    }

    /// Who it is that may use a route which asks for one of `scopes`, in the plugin `name`.
    pub(crate) fn holder(
        &self,
        scopes: &[String],
        name: &str,
        plugin: &PluginSettings,
        settings: &AuthSettings,
    ) -> Result<Option<Holder>, Unauthorized> {
        let wanted: Vec<&str> = scopes.iter().map(String::as_str).collect();
        if let Some(holder) = self.administrator(settings, &wanted) {
            return Ok(Some(holder));
        }
        // The plugin's own key has one scope: the plugin.
        let scope = format!("plugin:{name}");
        let own = plugin.apikey.as_ref().filter(|secret| self.is(secret));
        match own {
            Some(_) if scopes.contains(&scope) => {
                Ok(Some(Holder { name: name.to_owned(), scopes: vec![scope] }))
            }
            _ => Err(Unauthorized),
        }
    }

    /// Who it is that may use a plugin; `Err` where a key is needed and none fits.
    pub(crate) fn user(
        &self,
        name: &str,
        plugin: &PluginSettings,
        settings: &AuthSettings,
    ) -> Result<Option<Holder>, Unauthorized> {
        match plugin.auth {
            PluginAuth::None => Ok(None),
            PluginAuth::Global => {
                let scope = format!("plugin:{name}");
                self.administrator(settings, &[&scope]).map(Some).ok_or(Unauthorized)
            }
            PluginAuth::Plugin => {
                let own = plugin.apikey.as_ref().filter(|secret| self.is(secret));
                let scopes = vec![format!("plugin:{name}")];
                own.map(|_| Some(Holder { name: name.to_owned(), scopes })).ok_or(Unauthorized)
            }
        }
    }
}

/// No key that fits was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unauthorized;

/// The key in an `Authorization`.
pub(super) fn in_authorization(value: &[u8], basic: Basic) -> Option<Vec<u8>> {
    if let Some((scheme, key)) = value.split_at_checked(7)
        && scheme.eq_ignore_ascii_case(b"bearer ")
    {
        return Some(key.trim_ascii().to_vec());
    }
    password(value).filter(|_| basic == Basic::Counts)
}

/// The password in `Basic …`; the user may be anyone.
fn password(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let pair = BASE64.decode(rest.trim_ascii()).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair.get(colon + 1..)?.to_vec())
}

fn in_body(headers: &HeaderMap, body: &[u8]) -> Option<Vec<u8>> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if body.is_empty() || !essence.eq_ignore_ascii_case("application/json") {
        return None;
    }
    match serde_json::from_slice::<Value>(body).ok()?.get(PARAMETER)? {
        Value::String(key) => Some(key.clone().into_bytes()),
        _ => None,
    }
}
