//! Sessions in Redis or Valkey: a hash for each.
//!
//! - Reading is one command, and so is writing: a script of Redis, which does all of it or nothing.
//! - Nobody waits longer than [`PATIENCE`]. A server that cannot be reached, does not answer or is not ready is not
//!   asked again for a while, by nobody, and then by one request at a time.
//! - What clients choose stands only in values and the names of fields, whose lengths Redis is told.

mod line;

use std::{collections::BTreeMap, time::Instant};

use ::redis::{Cmd, FromRedisValue, RedisError};

use self::line::Lines;
use super::{Known, MOST_BYTES, Moments, Plan, SessionError, SessionId, Values, written};
use crate::settings::RedisUrl;

/// What the keys of sessions begin with.
const PREFIX: &str = "hotplate:session:";

/// What the fields of values begin with; the others are ours.
const VALUE: &str = "v:";

/// `KEYS`: the session that is there, the one that will be. `ARGV`: what is to be done, now, when it expires, how long
/// that is, the address, whether it is bound to it, the most bytes, and the changes: the field, whether it is
/// kept, and its value. Answers 1, 0 if the session is not there, or by how much it would be too large.
const KEEP: &str = "
local what, now, expires, life = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local from, to = KEYS[1], KEYS[2]
if what == 'end' then return redis.call('DEL', from) end
local goes_on = what == 'go'
if goes_on then
  local there = redis.call('HGET', from, 'expires')
  if not there or tonumber(there) <= now then
    -- Renewed already, by the same request: its answer was lost on the way.
    if from ~= to and redis.call('EXISTS', to) == 1 then return 1 end
    return 0
  end
end
local sets, takes, changed, bytes = {}, {}, {}, 0
for at = 8, #ARGV, 3 do
  changed[ARGV[at]] = true
  if ARGV[at + 1] == '1' then
    sets[#sets + 1] = ARGV[at]
    sets[#sets + 1] = ARGV[at + 2]
    bytes = bytes + #ARGV[at] - 2 + #ARGV[at + 2]
  else
    takes[#takes + 1] = ARGV[at]
  end
end
if goes_on and #sets > 0 then
  local all = redis.call('HGETALL', from)
  for at = 1, #all, 2 do
    if string.sub(all[at], 1, 2) == 'v:' and not changed[all[at]] then
      bytes = bytes + #all[at] - 2 + #all[at + 1]
    end
  end
end
if bytes > tonumber(ARGV[7]) then return -bytes end
if goes_on then
  if from ~= to then redis.call('RENAME', from, to) end
else
  redis.call('DEL', from)
  redis.call('HSET', to, 'address', ARGV[5], 'bound', ARGV[6])
end
for at = 1, #sets, 2 do redis.call('HSET', to, sets[at], sets[at + 1]) end
for at = 1, #takes do redis.call('HDEL', to, takes[at]) end
redis.call('HSET', to, 'expires', expires)
redis.call('PEXPIRE', to, life)
return 1
";

/// The sessions of a server of Redis.
#[derive(Debug)]
pub(super) struct Redis {
    lines: Lines,
}

impl Redis {
    pub(super) fn new(url: &RedisUrl) -> Self {
        Self { lines: Lines::new(url) }
    }

    /// The session under this id, expired or not.
    pub(super) fn find(&self, id: &SessionId, by: Instant) -> Result<Option<Known>, SessionError> {
        let mut fields: BTreeMap<String, String> =
            self.ask(Cmd::new().arg("HGETALL").arg(key(id)), by)?;
        let Some(expires) = fields.remove("expires").and_then(|text| text.parse().ok()) else {
            return Ok(None);
        };
        let address = fields.remove("address").unwrap_or_default();
        let is_bound = fields.remove("bound").is_some_and(|bound| bound == "1");
        let named = |(field, value): (String, String)| {
            field.strip_prefix(VALUE).map(|name| (name.to_owned(), value))
        };
        let values: Values = fields.into_iter().filter_map(named).collect();
        Ok(Some(Known { values, address, is_bound, expires }))
    }

    /// Carries out a plan; false if the session it is about is there no more.
    pub(super) fn keep(
        &self,
        plan: &Plan<'_>,
        moments: Moments,
        by: Instant,
    ) -> Result<bool, SessionError> {
        let (what, from, to) = match (plan.from, plan.to) {
            (None, None) => return Ok(true),
            (Some(from), None) => ("end", from, from),
            (Some(from), Some(to)) if plan.goes_on => ("go", from, to),
            (from, Some(to)) => ("begin", from.unwrap_or(to), to),
        };
        let life = moments.expires.saturating_sub(moments.now);
        let mut command = Cmd::new();
        command.arg("EVAL").arg(KEEP).arg(2).arg(key(from)).arg(key(to));
        command.arg(what).arg(moments.now).arg(moments.expires).arg(life);
        command.arg(written(plan.address)).arg(i32::from(plan.is_bound)).arg(MOST_BYTES);
        for (name, value) in plan.changes {
            command.arg(format!("{VALUE}{name}")).arg(i32::from(value.is_some()));
            command.arg(value.as_deref().unwrap_or_default());
        }
        match self.ask::<i64>(&command, by)? {
            bytes if bytes < 0 => Err(SessionError::Large(
                usize::try_from(bytes.unsigned_abs()).unwrap_or(usize::MAX),
            )),
            done => Ok(done == 1),
        }
    }

    fn ask<T: FromRedisValue>(&self, command: &Cmd, by: Instant) -> Result<T, SessionError> {
        let answer = self.lines.ask(command, by)?;
        Ok(::redis::from_redis_value(answer).map_err(RedisError::from)?)
    }
}

fn key(id: &SessionId) -> String {
    let hex = id.key().iter().fold(String::new(), |hex, byte| hex + format!("{byte:02x}").as_str());
    format!("{PREFIX}{hex}")
}
