//! `store::list`: which records, in which order, from where on and how many.
//!
//! Records are looked at one by one, with a look at the budget each; of those that are sorted no more are held
//! than will be asked for, give or take.

use std::cmp::Ordering;

use rhai::{Dynamic, ImmutableString, Map};
use serde_json::Value;

use super::{id_of, value_of, work};
use crate::{
    host::define::{quoted, refusal, words},
    script::{Native, budget, json},
    services::store::{Id, Order, StoreError, Walk},
};

const NAME: &str = "store::list";

/// What there is to say.
const OPTIONS: [&str; 5] = ["where", "sort", "after", "offset", "limit"];

/// What is asked for.
struct Query {
    members: Vec<(String, Value)>,
    sort: Sort,
    after: Option<Id>,
    offset: usize,
    limit: Option<usize>,
}

enum Sort {
    ById(Order),
    ByMember(String, Order),
}

/// A record on its way into a sorted answer.
struct Candidate {
    rank: Value,
    id: Id,
    json: String,
}

/// Why a walk ended early: the script's fault or budget, or the store.
enum Ended {
    Store(StoreError),
    Script(Box<rhai::EvalAltResult>),
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The values of a collection that the options ask for.
pub(super) fn list(coll: &str, options: &Map) -> Native<Dynamic> {
    let query = query(options)?;
    if query.limit == Some(0) {
        return Ok(Dynamic::from_array(Vec::new()));
    }
    let values = match &query.sort {
        Sort::ById(order) => by_id(coll, &query, *order)?,
        Sort::ByMember(member, order) => by_member(coll, &query, member, *order)?,
    };
    Ok(Dynamic::from_array(values))
}

fn by_id(coll: &str, query: &Query, order: Order) -> Native<Vec<Dynamic>> {
    let (mut values, mut skipped) = (Vec::new(), 0);
    walk(coll, order, query.after.as_ref(), |_, json| {
        if !query.members.is_empty() && !query.takes(&parsed(json)?) {
            return Ok(Walk::On);
        }
        if skipped < query.offset {
            skipped += 1;
            return Ok(Walk::On);
        }
        values.push(value_of(NAME, json)?);
        let enough = query.limit.is_some_and(|limit| values.len() >= limit);
        Ok(if enough { Walk::Enough } else { Walk::On })
    })?;
    Ok(values)
}

fn by_member(coll: &str, query: &Query, member: &str, order: Order) -> Native<Vec<Dynamic>> {
    let rank = |value: &Value| value.get(member).cloned().unwrap_or_default();
    let after = match &query.after {
        None => None,
        Some(id) => match work(NAME, |store, by| store.get(coll, id, by))? {
            Some(seen) => Some(Candidate {
                rank: rank(&parsed(&seen.json)?),
                id: id.clone(),
                json: String::new(),
            }),
            // Nothing comes after what is not there.
            None => return Ok(Vec::new()),
        },
    };
    let compare = |a: &Candidate, b: &Candidate| {
        let ordering = ranking(&a.rank, &b.rank).then_with(|| a.id.cmp(&b.id));
        if order == Order::Down { ordering.reverse() } else { ordering }
    };
    let wanted = query.limit.map(|limit| query.offset.saturating_add(limit));
    let mut found: Vec<Candidate> = Vec::new();
    walk(coll, Order::Up, None, |id, json| {
        let value = parsed(json)?;
        if !query.takes(&value) {
            return Ok(Walk::On);
        }
        let mut candidate = Candidate { rank: rank(&value), id, json: String::new() };
        if after.as_ref().is_some_and(|after| compare(&candidate, after) != Ordering::Greater) {
            return Ok(Walk::On);
        }
        budget::charge(json.len())?;
        json.clone_into(&mut candidate.json);
        found.push(candidate);
        if let Some(wanted) = wanted
            && found.len() >= wanted.saturating_mul(2).max(256)
        {
            found.sort_by(compare);
            found.truncate(wanted);
        }
        Ok(Walk::On)
    })?;
    found.sort_by(compare);
    budget::check()?;
    let limit = query.limit.unwrap_or(usize::MAX);
    let page = found.into_iter().skip(query.offset).take(limit);
    page.map(|candidate| value_of(NAME, &candidate.json)).collect()
}

fn walk(
    coll: &str,
    order: Order,
    after: Option<&Id>,
    mut each: impl FnMut(Id, &str) -> Native<Walk>,
) -> Native<()> {
    let mut script_error = None;
    work(NAME, |store, by| {
        let walked = store.walk(coll, order, after, by, |id, json| {
            budget::check().and_then(|()| each(id, json)).map_err(Ended::Script)
        });
        match walked {
            Ok(()) => Ok(()),
            Err(Ended::Store(error)) => Err(error),
            Err(Ended::Script(error)) => {
                script_error = Some(error);
                Ok(())
            }
        }
    })?;
    script_error.map_or(Ok(()), Err)
}

impl Query {
    fn takes(&self, value: &Value) -> bool {
        self.members.iter().all(|(name, wanted)| {
            value.get(name).map_or(wanted.is_null(), |found| is_same(found, wanted))
        })
    }
}

fn parsed(json: &str) -> Native<Value> {
    budget::charge(json.len())?;
    serde_json::from_str(json)
        .map_err(|error| refusal(format!("`{NAME}`: what is kept is no JSON: {error}")))
}

/// Whether two values are equal; 1 and 1.0 are.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
        }
        _ => a == b,
    }
}

/// Null, then false and true, numbers, texts; whatever else last.
fn ranking(a: &Value, b: &Value) -> Ordering {
    let kind = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) | Value::Object(_) => 4,
    };
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        },
        (Value::String(a), Value::String(b)) => a.cmp(b),
        _ => kind(a).cmp(&kind(b)),
    }
}

fn query(options: &Map) -> Native<Query> {
    if let Some(other) = options.keys().find(|key| !OPTIONS.contains(&key.as_str())) {
        let known = OPTIONS.join(", ");
        return Err(refusal(format!("`{NAME}` has the options {known}, not {}", quoted(other))));
    }
    let given = |name: &str| options.get(name).filter(|value| !value.is_unit());
    let number = |name: &str| {
        let Some(value) = given(name) else { return Ok(None) };
        let number = value.as_int().ok().and_then(|number| usize::try_from(number).ok());
        number.map(Some).ok_or_else(|| {
            refusal(format!("`{NAME}`: `{name}` is an integer, 0 or more, not {value}"))
        })
    };
    Ok(Query {
        members: given("where").map_or_else(|| Ok(Vec::new()), members)?,
        sort: given("sort").map_or(Ok(Sort::ById(Order::Up)), sort)?,
        after: given("after").map(|id| id_of(NAME, id)).transpose()?,
        offset: number("offset")?.unwrap_or_default(),
        limit: number("limit")?,
    })
}

fn members(value: &Dynamic) -> Native<Vec<(String, Value)>> {
    if !value.is_map() {
        let kind = words(value.type_name());
        return Err(refusal(format!(
            "`{NAME}`: `where` is a map such as #{{ done: false }}, not {kind}"
        )));
    }
    match json::to_value(value) {
        Ok(Value::Object(members)) => Ok(members.into_iter().collect()),
        Ok(_) => Ok(Vec::new()),
        Err(why) => {
            budget::check()?;
            Err(refusal(format!("`{NAME}`: `where`: {why}")))
        }
    }
}

fn sort(value: &Dynamic) -> Native<Sort> {
    let Some(text) = value.read_lock::<ImmutableString>() else {
        let kind = words(value.type_name());
        return Err(refusal(format!(
            "`{NAME}`: `sort` is the name of a member, such as \"due\" or \"-due\", not {kind}"
        )));
    };
    let (member, order) = match text.strip_prefix('-') {
        Some(member) => (member, Order::Down),
        None => (text.as_str(), Order::Up),
    };
    Ok(match member {
        "id" => Sort::ById(order),
        _ => Sort::ByMember(member.to_owned(), order),
    })
}
