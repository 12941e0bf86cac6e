//! Jobs as scripts declare them: `every`, `cron`, and `after` with a duration.

use std::time::Duration;

use rhai::{
    Dynamic, EvalAltResult, FnPtr, FuncRegistration, ImmutableString, Map, Module,
    NativeCallContext,
};

use super::{Declarations, callback::Callback, declare};
use crate::{
    diagnostic::nearest,
    host::define::{quoted, words},
    script::{Native, budget, duration::parse_duration, mistake::Mistake},
    services::schedule::{NoTimetable, SHORTEST, Timetable, zones},
};

/// The most jobs of one plugin.
const MOST_JOBS: usize = 64;

/// The most characters of a name.
const MOST_NAME: usize = 100;

/// The longest time that a run may have.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What the options of a job may say.
const OPTIONS: [&str; 3] = ["name", "zone", "timeout"];

/// A cron pattern, for those who wrote another one.
const PATTERN: &str = "a pattern is `minute hour day-of-month month day-of-week`: \
                       \"0 6 * * *\" is each day at 6:00, \"*/15 * * * MON-FRI\" each quarter of an hour";

/// A job as a script declared it.
#[derive(Debug)]
pub(crate) struct DeclaredJob {
    /// Its name, which no other job of the plugin has.
    pub(crate) name: String,
    /// When it runs.
    pub(crate) timetable: Timetable,
    /// How long it may take; as long as a request, if nothing is said.
    pub(crate) timeout: Option<Duration>,
    /// What it does.
    pub(crate) function: Callback,
}

/// The functions that declare jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Every,
    Cron,
    After,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Every => "every",
            Self::Cron => "cron",
            Self::After => "after",
        }
    }

    /// What its first argument is, and how one is written.
    fn takes(self) -> (&'static str, &'static str) {
        match self {
            Self::Every => ("interval: string", "\"5m\""),
            Self::Cron => ("pattern: string", "\"0 6 * * *\""),
            Self::After => ("delay: string", "\"10s\""),
        }
    }
}

/// Registers `every`, `cron` and `after`.
pub(super) fn register(module: &mut Module) {
    for kind in [Kind::Every, Kind::Cron, Kind::After] {
        let (first, _) = kind.takes();
        FuncRegistration::new(kind.name())
            .with_params_info([first, "f: function"])
            .set_into_module(
                module,
                move |context: NativeCallContext, when: Dynamic, f: Dynamic| {
                    add(&context, kind, &when, &Map::new().into(), f)
                },
            );
        FuncRegistration::new(kind.name())
            .with_params_info([first, "options: map", "f: function"])
            .set_into_module(
                module,
                move |context: NativeCallContext, when: Dynamic, options: Dynamic, f: Dynamic| {
                    add(&context, kind, &when, &options, f)
                },
            );
    }
}

fn mistake(kind: Kind, message: impl std::fmt::Display) -> Mistake {
    Mistake::new("job", format!("`{}`: {message}", kind.name()))
}

fn add(
    context: &NativeCallContext,
    kind: Kind,
    when: &Dynamic,
    options: &Dynamic,
    f: Dynamic,
) -> Native<()> {
    let (_, example) = kind.takes();
    let usage = || format!("write `{}({example}, || …)`", kind.name());
    let Some(when) = when.read_lock::<ImmutableString>().map(|text| text.clone()) else {
        let message = format!("when it runs is a string, not {}", words(when.type_name()));
        return Err(mistake(kind, message).help(usage()).raised());
    };
    let Some(options) = options.read_lock::<Map>().map(|map| map.clone()) else {
        let message = format!("options are a map, not {}", words(options.type_name()));
        let help = format!("write `{}({example}, #{{ timeout: \"30s\" }}, || …)`", kind.name());
        return Err(mistake(kind, message).help(help).raised());
    };
    let given = words(f.type_name()).to_owned();
    let Some(function) = f.try_cast::<FnPtr>() else {
        let message = format!("the last argument is what to do, a function, not {given}");
        return Err(mistake(kind, message).help(usage()).raised());
    };
    let options = read_options(kind, &options)?;
    let timetable = timetable(kind, &when, options.zone.as_deref())?;
    let named = function.fn_name().to_owned();
    let function = Callback::new(context, function, 0)?;
    let mut refused = None;
    declare(kind.name(), |declared| match name_of(declared, options.name, &named, &timetable) {
        Ok(name) => {
            let timeout = options.timeout;
            declared.jobs.push(DeclaredJob { name, timetable, timeout, function });
        }
        Err(why) => refused = Some(why),
    })?;
    match refused {
        None => Ok(()),
        Some((message, help)) => Err(mistake(kind, message).help(help).raised()),
    }
}

/// What the options of a job say.
#[derive(Debug, Default)]
struct Options {
    name: Option<String>,
    zone: Option<String>,
    timeout: Option<Duration>,
}

fn read_options(kind: Kind, written: &Map) -> Native<Options> {
    let mut options = Options::default();
    for (key, value) in written {
        let Some(text) = value.read_lock::<ImmutableString>().map(|text| text.to_string()) else {
            if !OPTIONS.contains(&key.as_str()) {
                return Err(unknown_option(kind, key));
            }
            let message = format!("`{key}` is a string, not {}", words(value.type_name()));
            return Err(mistake(kind, message).raised());
        };
        match key.as_str() {
            "name" => options.name = Some(named(kind, text)?),
            "zone" if kind == Kind::Cron => options.zone = Some(text),
            "zone" => {
                let message = "only `cron` goes by the clock of a time zone";
                return Err(mistake(kind, message).help("leave `zone` away").raised());
            }
            "timeout" => options.timeout = Some(timeout(kind, &text)?),
            _ => return Err(unknown_option(kind, key)),
        }
    }
    Ok(options)
}

fn unknown_option(kind: Kind, key: &str) -> Box<EvalAltResult> {
    let help = match nearest(key, OPTIONS) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", OPTIONS.join(", ")),
    };
    mistake(kind, format!("there is no option `{key}`")).help(help).raised()
}

fn named(kind: Kind, name: String) -> Native<String> {
    let fits = !name.trim().is_empty()
        && name.chars().count() <= MOST_NAME
        && !name.chars().any(char::is_control);
    if fits {
        return Ok(name);
    }
    let message = format!("a name is a line of 1 to {MOST_NAME} characters, not {}", quoted(&name));
    Err(mistake(kind, message).raised())
}

fn timeout(kind: Kind, text: &str) -> Native<Duration> {
    let fits = |time: &Duration| !time.is_zero() && *time <= LONGEST;
    parse_duration(text).filter(fits).ok_or_else(|| {
        let message = format!(
            "`timeout` is a duration such as \"30s\", \"24h\" at most, not {}",
            quoted(text)
        );
        mistake(kind, message).raised()
    })
}

fn timetable(kind: Kind, when: &str, zone: Option<&str>) -> Native<Timetable> {
    if kind == Kind::Cron {
        budget::check()?;
        return Timetable::cron(when, zone.unwrap_or("UTC")).map_err(|why| no_timetable(&why));
    }
    let Some(time) = parse_duration(when) else {
        let message = format!("{} is no duration", quoted(when));
        let help = match when.split_whitespace().count() {
            5 | 6 => format!("a cron pattern stands in `cron`: `cron({}, || …)`", quoted(when)),
            _ => "durations are whole numbers with ms, s, m, h, d or w: \"250ms\", \"1h30m\""
                .to_owned(),
        };
        return Err(mistake(kind, message).help(help).raised());
    };
    match kind {
        Kind::After => Ok(Timetable::After(time)),
        _ => Timetable::every(time).map_err(|_| {
            let message = format!("a job runs every {} ms at most", SHORTEST.as_millis());
            let help = "what must be done at once is done in a request, or in a loop of one job";
            mistake(kind, message).help(help).raised()
        }),
    }
}

fn no_timetable(why: &NoTimetable) -> Box<EvalAltResult> {
    let help = match why {
        NoTimetable::Zone(zone) => {
            let known = zones();
            match nearest(zone, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "zones are named as \"Europe/Berlin\"; without one it is UTC".to_owned(),
            }
        }
        _ => PATTERN.to_owned(),
    };
    mistake(Kind::Cron, why).help(help).raised()
}

/// The name of a job that is declared after others; or why it can have none, and what to do.
fn name_of(
    declared: &Declarations,
    name: Option<String>,
    function: &str,
    timetable: &Timetable,
) -> Result<String, (String, String)> {
    if declared.jobs.len() >= MOST_JOBS {
        let message = format!("a plugin has at most {MOST_JOBS} jobs");
        return Err((message, "do several things in one job".to_owned()));
    }
    let is_taken = |name: &str| declared.jobs.iter().any(|job| job.name == name);
    if let Some(name) = name {
        return match is_taken(&name) {
            true => {
                let message = format!("there is a job `{name}` already");
                Err((message, "give one of them another name".to_owned()))
            }
            false => Ok(name),
        };
    }
    let plain = match function.starts_with("anon$") {
        true => timetable.to_string(),
        false => function.to_owned(),
    };
    let numbered = (2..).map(|number| format!("{plain} ({number})"));
    let mut names = std::iter::once(plain.clone()).chain(numbered);
    Ok(names.find(|name| !is_taken(name)).unwrap_or(plain))
}
