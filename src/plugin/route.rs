//! A route of a plugin: methods, path, what it says about itself and what answers.

use std::sync::Arc;

use super::{
    checks::{Checks, mock::Mock},
    spec::{
        Spec,
        read::{self, Reading, SpecFault},
    },
};
use crate::{
    diagnostic::{Diagnostic, Place},
    host::declare::{
        DeclaredRoute,
        callback::Callback,
        pattern::{Pattern, Segment},
    },
    schema::Components,
    services::rates::{Rates, RouteRates},
};

/// The most bytes that a route says about itself: all of it is in `/plugins`.
const MOST_SAID: usize = 64 << 10;

/// A route of a plugin.
#[derive(Debug)]
pub(crate) struct Route {
    /// Its methods.
    pub(crate) methods: Vec<&'static str>,
    /// Its whole path, the plugin's included.
    pub(crate) pattern: Pattern,
    /// The names of its parameters and tail, in order.
    pub(crate) names: Arc<[Arc<str>]>,
    /// What answers.
    pub(crate) handler: Handler,
    /// What it says about itself.
    pub(crate) spec: Spec,
    /// What its requests and answers are held against; none where it declares nothing.
    pub(crate) checks: Option<Box<Checks>>,
    /// How often each client called, where that is limited. All versions of the plugin count together.
    pub(crate) rates: Option<Arc<Rates>>,
    /// Where it was declared.
    pub(crate) place: Place,
}

/// What answers a route.
#[expect(clippy::large_enum_variant, reason = "nearly all are of the large one")]
#[derive(Debug)]
pub(crate) enum Handler {
    /// A function of the script.
    Script(Callback),
    /// An example of what the route promises: nobody has written the function yet.
    Mock(Box<Mock>),
}

impl Route {
    /// Takes a declared route into the plugin at `mount`; `doc` is the comment above it.
    pub(crate) fn new(
        declared: DeclaredRoute,
        mount: &Pattern,
        doc: Option<&str>,
        place: Place,
        named: Named<'_>,
    ) -> Result<Self, SpecFault> {
        let reading = Reading {
            components: named.components,
            pattern: &declared.pattern,
            methods: &declared.methods,
            string_type: named.string_type,
        };
        let mut spec = read::read(&declared.spec, reading)?;
        spec.fill_from(doc.unwrap_or_default());
        let whole = |message| SpecFault { path: Vec::new(), message, help: None };
        let said = [&spec.summary, &spec.description, &spec.operation_id];
        let said: usize = said.into_iter().flatten().chain(&spec.tags).map(String::len).sum();
        if said > MOST_SAID {
            let message =
                format!("a spec has at most {MOST_SAID} bytes of text, this one has {said}");
            return Err(whole(message));
        }
        let checks = Checks::of(&spec).map_err(whole)?;
        let handler = match declared.handler {
            Some(handler) => Handler::Script(handler),
            None => Handler::Mock(Box::new(Mock::of(&spec).map_err(whole)?)),
        };
        let mut route = Self {
            methods: declared.methods,
            names: declared.pattern.names().map(Arc::from).collect(),
            pattern: mount.join(&declared.pattern),
            handler,
            checks: checks.map(Box::new),
            rates: None,
            spec,
            place,
        };
        route.rates = route.spec.rate_limit.map(|rate| {
            let name = format!("{} {}", route.methods.join(","), route.shape());
            named.rates.of(name, rate.times, rate.per)
        });
        Ok(route)
    }
}

/// What the specs of a plugin are read with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    /// All named schemas that are known.
    pub(crate) components: &'a Components,
    /// The content type of a plain string.
    pub(crate) string_type: &'a str,
    /// How often clients called the plugin's routes.
    pub(crate) rates: &'a RouteRates,
}

impl Spec {
    /// What the spec does not say, the comment does: its first line, and the rest.
    fn fill_from(&mut self, doc: &str) {
        let (first, rest) = doc.split_once('\n').unwrap_or((doc, ""));
        let filled = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        if self.summary.is_none() {
            self.summary = filled(first).map(|line| line.trim_end_matches('.').to_owned());
        }
        if self.description.is_none() {
            self.description = filled(rest);
        }
    }
}

impl Route {
    /// The function of the script that answers it, unless it is a mock.
    pub(crate) fn script(&self) -> Option<&Callback> {
        match &self.handler {
            Handler::Script(handler) => Some(handler),
            Handler::Mock(_) => None,
        }
    }

    /// Its path without the names of parameters: two routes of one shape and method collide.
    pub(crate) fn shape(&self) -> String {
        let mut shape = String::new();
        for segment in self.pattern.segments() {
            shape.push('/');
            match segment {
                Segment::Literal(text) => shape.push_str(text),
                Segment::Parameter(_) => shape.push_str("{}"),
                Segment::Tail(_) => shape.push_str("{*}"),
            }
        }
        shape
    }

    /// What to say when another route with the same method and shape was there first.
    pub(crate) fn collides_with(&self, first: &Route, method: &str) -> Diagnostic {
        Diagnostic::error("route-collision", format!("{method} {} is declared twice", self.pattern))
            .at(self.place.clone())
            .related("declared here first", first.place.clone())
            .help("give one of them another path or method")
    }
}
