//! The session of one request: what was found, what the script made of it, and what is kept of that.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use rhai::{Dynamic, EvalAltResult, Map};

use super::{cookie, json_of, mistake, problem, told, value_of, work};
use crate::{
    host::{current, error::raise, problem::Problem, request::RequestData},
    script::{Native, budget},
    services::sessions::{
        Changes, MOST_BYTES, MOST_NAME_BYTES, Plan, SessionError, SessionId, Sessions, Values,
    },
    services::turns::Asked,
    settings::SessionSettings,
};

/// The session of one request.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(super) sessions: Arc<Sessions>,
    settings: Arc<SessionSettings>,
    shown: Option<SessionId>,
    pub(super) address: IpAddr,
    is_secure: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct State {
    is_looked_up: bool,
    /// Whether the answer is made, so that nothing is kept any more.
    is_over: bool,
    /// The session that is there.
    from: Option<SessionId>,
    /// The id that it will have.
    to: Option<SessionId>,
    /// Whether the values of `from` stay.
    goes_on: bool,
    /// Whether it is time to note that it is used.
    is_due: bool,
    /// Whether the client has not been given its cookie yet.
    is_new: bool,
    values: Values,
    changes: Changes,
}

/// What an answer says of a session.
#[derive(Debug)]
pub(crate) struct Mark {
    cookie: Option<HeaderValue>,
}

impl Mark {
    /// Adds it to the headers of an answer, which is for one visitor only.
    pub(crate) fn put_on(self, headers: &mut HeaderMap) {
        if let Some(cookie) = self.cookie {
            headers.append(header::SET_COOKIE, cookie);
        }
        let private = HeaderValue::from_static("private");
        headers.entry(header::CACHE_CONTROL).or_insert(private);
    }
}

impl Visit {
    /// That of a request. Of one whose answer is made already, `is_over`, nothing is kept.
    pub(crate) fn new(sessions: Arc<Sessions>, request: &RequestData, is_over: bool) -> Self {
        let settings = sessions.settings();
        Self {
            shown: cookie::shown(&request.headers, &settings),
            address: request.client_ip,
            is_secure: request.scheme == "https",
            state: Mutex::new(State { is_over, ..State::default() }),
            sessions,
            settings,
        }
    }

    pub(super) fn id(&self) -> Native<Option<String>> {
        Ok(self.looked_up()?.to.as_ref().map(SessionId::text))
    }

    pub(super) fn value(&self, name: &str) -> Native<Dynamic> {
        let state = self.looked_up()?;
        match state.values.get(name) {
            Some(json) => value_of(json),
            None => Ok(Dynamic::UNIT),
        }
    }

    pub(super) fn contains(&self, name: &str) -> Native<bool> {
        Ok(self.looked_up()?.values.contains_key(name))
    }

    pub(super) fn keys(&self) -> Native<Vec<Dynamic>> {
        let state = self.looked_up()?;
        Ok(state.values.keys().map(|name| Dynamic::from(name.clone())).collect())
    }

    pub(super) fn to_map(&self) -> Native<Map> {
        map_of(&self.looked_up()?.values)
    }

    /// Keeps a value, or takes it out if it is null. Rhai sets a value again after each method that was called
    /// on it: what is there already is no change.
    pub(super) fn set(&self, name: &str, value: &Dynamic) -> Native<()> {
        let json = if value.is_unit() { None } else { Some(json_of(value)?) };
        let mut state = self.looked_up()?;
        if state.values.get(name) == json.as_ref() {
            return Ok(());
        }
        state.open()?;
        state.change(name, json)
    }

    pub(super) fn renew(&self) -> Native<Option<String>> {
        let mut state = self.looked_up()?;
        state.open()?;
        if state.to.is_some() && state.to == state.from {
            state.to = Some(new_id()?);
        }
        Ok(state.to.as_ref().map(SessionId::text))
    }

    pub(super) fn clear(&self) -> Native<()> {
        let mut state = self.looked_up()?;
        state.open()?;
        state.to = None;
        state.goes_on = false;
        state.values.clear();
        state.changes.clear();
        Ok(())
    }

    /// Begins another session, which is there when this returns; the one before is left alone. The cookie of
    /// this answer is for the new one.
    pub(super) fn begin(&self, changes: Changes, is_bound: bool) -> Native<SessionId> {
        let mut state = self.looked_up()?;
        state.open()?;
        self.write(&state, false).map_err(|(status, detail)| raise(status, detail))?;
        let id = self.made(&changes, is_bound)?;
        let values = changes.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        *state = State {
            is_looked_up: true,
            from: Some(id.clone()),
            to: Some(id.clone()),
            goes_on: true,
            is_new: true,
            values,
            ..State::default()
        };
        Ok(id)
    }

    /// Makes a session beside the one of this request.
    pub(super) fn made(&self, changes: &Changes, is_bound: bool) -> Native<SessionId> {
        let id = new_id()?;
        let plan = Plan {
            from: None,
            to: Some(&id),
            goes_on: false,
            changes,
            address: self.address,
            is_bound,
        };
        work(&self.sessions, |sessions, asked| sessions.keep(&plan, asked))?;
        Ok(id)
    }

    /// Whether the session has this id.
    pub(super) fn is_of(&self, id: &SessionId) -> bool {
        self.lock().to.as_ref() == Some(id)
    }

    /// Whether the request shows this id.
    pub(super) fn shows(&self, id: &SessionId) -> bool {
        self.shown.as_ref() == Some(id)
    }

    /// Keeps what the script made of the session; what the answer says of it, or the answer in its stead.
    pub(crate) fn finish(&self) -> Result<Option<Mark>, Problem> {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.is_over, true) && state.is_looked_up {
            let wants_cookie = state.is_new || state.is_due || state.from != state.to;
            let is_kept = self.write(&state, true).map_err(problem)?;
            let cookie = match is_kept && wants_cookie {
                true => cookie::set(state.to.as_ref(), &self.settings, self.is_secure),
                false => None,
            };
            return Ok(Some(Mark { cookie }));
        }
        Ok(None)
    }

    /// Writes what changed; false if there was nothing to write or nothing that had to be written.
    fn write(&self, state: &State, at_end: bool) -> Result<bool, (StatusCode, String)> {
        let is_same = state.from == state.to;
        let only_noted = is_same && state.changes.is_empty();
        if state.from.is_none() && state.to.is_none() || only_noted && !state.is_due {
            return Ok(state.is_new);
        }
        let plan = Plan {
            from: state.from.as_ref(),
            to: state.to.as_ref(),
            goes_on: state.goes_on,
            changes: &state.changes,
            address: self.address,
            is_bound: false,
        };
        let late = || (StatusCode::SERVICE_UNAVAILABLE, super::OUT_OF_REACH.to_owned());
        let keep = |asked: Asked<'_>| self.sessions.keep(&plan, asked);
        let kept = budget::blocking(|| current::asks(super::deadline(), keep));
        let kept = kept.map_err(|_| late())?;
        match kept {
            Ok(true) => Ok(true),
            // Ended by another request: there is nothing left to end, and nothing to note.
            Ok(false) if only_noted || state.to.is_none() => Ok(state.to.is_none() && at_end),
            Ok(false) => Err((
                StatusCode::CONFLICT,
                "the session ended while this request was answered".to_owned(),
            )),
            // It was read, and that is all that the script asked for.
            Err(error) if only_noted => {
                self.sessions.tell(&error);
                Ok(false)
            }
            Err(error) => Err(told(&self.sessions, &error)),
        }
    }

    /// The state, with what the store has.
    fn looked_up(&self) -> Native<MutexGuard<'_, State>> {
        let mut state = self.lock();
        if !state.is_looked_up {
            if let Some(id) = &self.shown {
                let found =
                    work(&self.sessions, |sessions, asked| sessions.find(id, self.address, asked))?;
                if let Some(seen) = found {
                    budget::charge(seen.values.values().map(String::len).sum())?;
                    state.from = Some(id.clone());
                    state.to = Some(id.clone());
                    state.goes_on = true;
                    state.is_due = seen.is_due;
                    state.values = seen.values;
                }
            }
            state.is_looked_up = true;
        }
        Ok(state)
    }

    // A panic under the lock leaves a whole state behind.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether anything can be written still.
    fn open(&self) -> Native<()> {
        match self.is_over {
            false => Ok(()),
            true => Err(mistake(
                "the answer has begun, so the session is written no more: write it before the handler returns",
            )),
        }
    }

    fn change(&mut self, name: &str, json: Option<String>) -> Native<()> {
        if !(1..=MOST_NAME_BYTES).contains(&name.len()) {
            let message = format!("a name in a session has 1 to {MOST_NAME_BYTES} bytes");
            return Err(mistake(message));
        }
        let others = self.values.iter().filter(|(there, _)| *there != name);
        let bytes: usize = others.map(|(name, json)| name.len() + json.len()).sum();
        let bytes = bytes + json.as_ref().map_or(0, |json| name.len() + json.len());
        if bytes > MOST_BYTES && json.is_some() {
            return Err(too_large(bytes));
        }
        if self.to.is_none() {
            self.to = Some(new_id()?);
        }
        match &json {
            Some(json) => self.values.insert(name.to_owned(), json.clone()),
            None => self.values.remove(name),
        };
        self.changes.insert(name.to_owned(), json);
        Ok(())
    }
}

/// Values as a script sees them.
pub(super) fn map_of(values: &Values) -> Native<Map> {
    values.iter().map(|(name, json)| Ok((name.into(), value_of(json)?))).collect()
}

/// That a session would have so many bytes.
#[expect(clippy::unnecessary_box_returns, reason = "Rhai takes errors boxed")]
pub(super) fn too_large(bytes: usize) -> Box<EvalAltResult> {
    raise(StatusCode::PAYLOAD_TOO_LARGE, SessionError::Large(bytes).to_string())
}

fn new_id() -> Native<SessionId> {
    SessionId::new().map_err(|error| {
        tracing::error!("sessions: {error}");
        raise(StatusCode::SERVICE_UNAVAILABLE, super::OUT_OF_REACH)
    })
}
