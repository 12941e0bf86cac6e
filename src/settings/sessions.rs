//! `[sessions]`: what the server remembers of a visitor, from one request to the next.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Serialize, Serializer};
use url::Url;

use crate::diagnostic::Diagnostic;

use super::Settings;
use super::choice::SameSite;
use super::decode::Bases;
use super::fields::Fields;

/// The longest that a session may live: ten years.
const MOST_SECONDS: u64 = 315_360_000;

/// `[sessions]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionSettings {
    /// Where they are kept.
    pub store: SessionStore,
    /// Seconds that a session lives after its last use.
    pub ttl: u64,
    /// The name of the cookie.
    pub cookie: String,
    /// Whether a session is found only from the address that it was begun from.
    pub bind_address: bool,
    /// Whether the cookie comes with requests that other sites begin.
    pub same_site: SameSite,
    /// Whether the cookie is `Secure` although this server speaks no TLS: a proxy before it does.
    pub secure: bool,
}

/// Where sessions are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionStore {
    /// In the database of what plugins keep.
    #[default]
    Plugins,
    /// In a SQLite file of their own.
    Sqlite(PathBuf),
    /// In a server of Redis or Valkey.
    Redis(RedisUrl),
}

/// Where a server of Redis is, and how it lets us in. Its password is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(Url);

/// The text is no address of a server of Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an address of Redis is redis://HOST:PORT/NUMBER, with USER:PASSWORD@ before the host where it asks for one"
)]
pub struct InvalidRedisUrl;

impl RedisUrl {
    /// The address that is written so.
    pub fn new(text: &str) -> Result<Self, InvalidRedisUrl> {
        let url = Url::parse(text).map_err(|_| InvalidRedisUrl)?;
        let database = url.path().trim_start_matches('/');
        let sound = matches!(url.scheme(), "redis" | "valkey")
            && url.host_str().is_some_and(|host| !host.is_empty())
            && (database.is_empty() || database.parse::<u16>().is_ok())
            && url.query().is_none()
            && url.fragment().is_none();
        if sound { Ok(Self(url)) } else { Err(InvalidRedisUrl) }
    }

    /// All of it, its password too.
    pub(crate) fn whole(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host) = (self.0.scheme(), self.0.host_str().unwrap_or_default());
        write!(f, "{scheme}://{host}")?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(self.0.path().trim_end_matches('/'))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            store: SessionStore::default(),
            ttl: 86_400,
            cookie: "PS_SESSID".to_owned(),
            bind_address: false,
            same_site: SameSite::default(),
            secure: false,
        }
    }
}

impl SessionSettings {
    /// How long a session lives after its last use.
    pub fn life(&self) -> Duration {
        Duration::from_secs(self.ttl)
    }
}

/// Scripts see what kind it is, of a path only the last part, and of an address no password.
impl Serialize for SessionStore {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = match self {
            Self::Plugins => "hotplate.db".into(),
            Self::Sqlite(path) => path.file_name().unwrap_or_default().to_string_lossy(),
            Self::Redis(url) => return serializer.collect_str(url),
        };
        serializer.serialize_str(&format!("sqlite:{name}"))
    }
}

impl Settings {
    pub(super) fn check_sessions(&self, broken: &mut Vec<(String, Diagnostic)>) {
        let sessions = &self.sessions;
        let is_secure = sessions.secure || self.tls.enabled;
        let mut refuse = |key: &str, message: String| {
            let fault = Diagnostic::error("config-contradiction", message).help(
                "set `sessions.secure` to true if browsers reach this server by HTTPS, through a proxy",
            );
            broken.push((format!("sessions.{key}"), fault));
        };
        if sessions.same_site == SameSite::None && !is_secure {
            let message = "`sessions.same_site` is \"none\": browsers refuse such a cookie unless it is Secure";
            refuse("same_site", message.to_owned());
        }
        let prefix = ["__Host-", "__Secure-"].into_iter().find(|p| sessions.cookie.starts_with(p));
        if let Some(prefix) = prefix.filter(|_| !is_secure) {
            let message = format!(
                "`sessions.cookie` begins with `{prefix}`: browsers refuse such a cookie unless it is Secure"
            );
            refuse("cookie", message);
        }
    }
}

/// `[sessions]`.
pub(super) fn read(fields: &mut Fields, bases: &Bases) -> SessionSettings {
    let default = SessionSettings::default();
    SessionSettings {
        store: fields.parsed("store", |text| store(text, bases)).unwrap_or(default.store),
        ttl: fields.number("ttl", 1..=MOST_SECONDS).unwrap_or(default.ttl),
        cookie: fields.parsed("cookie", cookie).unwrap_or(default.cookie),
        bind_address: fields.boolean("bind_address", default.bind_address),
        same_site: fields.choice("same_site"),
        secure: fields.boolean("secure", default.secure),
    }
}

fn store(text: &str, bases: &Bases) -> Result<SessionStore, &'static str> {
    let wanted =
        "a place is wanted, such as \"sqlite:data/sessions.db\" or \"redis://127.0.0.1:6379\"";
    if text.starts_with("rediss:") || text.starts_with("valkeys:") {
        return Err("TLS to Redis is not spoken here: name a tunnel on this machine");
    }
    if let Ok(url) = RedisUrl::new(text) {
        return Ok(SessionStore::Redis(url));
    }
    match text.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() && !path.contains('\0') => {
            bases.resolve(path).map(SessionStore::Sqlite)
        }
        _ => Err(wanted),
    }
}

/// The name of a cookie: what RFC 6265 calls a token.
fn cookie(text: &str) -> Result<String, &'static str> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    match !text.is_empty() && text.len() <= 64 && text.bytes().all(sound) {
        true => Ok(text.to_owned()),
        false => Err("the name of a cookie is wanted, such as PS_SESSID"),
    }
}
