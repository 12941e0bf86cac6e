//! From a method and a canonical path to a route.
//!
//! A literal beats a parameter, a parameter beats a tail, whichever plugin they belong to.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use http::{HeaderValue, Method};

use crate::{
    diagnostic::Diagnostic,
    host::declare::{
        METHODS,
        pattern::{Pattern, Segment},
    },
    plugin::{Plugin, route::Route},
};

/// How a tail ends the key of a place.
const TAIL: &str = "/{*rest}";

/// The routes of a generation.
#[derive(Debug, Default)]
pub(crate) struct Router {
    literal: HashMap<String, usize, BuildHasherDefault<Quick>>,
    matching: matchit::Router<usize>,
    nodes: Vec<Node>,
}

/// A hash for paths. They come from scripts and not from clients, who can only look them up, so that it need
/// not be one that nobody can foresee.
#[derive(Debug, Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
        self.add(u64::from_le_bytes(last));
    }

    fn finish(&self) -> u64 {
        // The table takes its places from either end.
        self.0 ^ (self.0 >> 32)
    }
}

impl Quick {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// All routes at one place of the path.
#[derive(Debug)]
struct Node {
    targets: Vec<(Method, Target)>,
    allow: HeaderValue,
}

/// One route of one plugin, by their places: so that a plugin can change without the router changing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// The plugin's place among those that are served, by name.
    pub(crate) plugin: usize,
    /// The route's place among its routes.
    pub(crate) route: usize,
    /// How many parameters it has, its tail included.
    parameters: usize,
}

/// A route on its way into a router.
#[derive(Debug, Clone)]
struct Claim {
    plugin: Arc<Plugin>,
    route: usize,
}

impl Claim {
    fn route(&self) -> Option<&Route> {
        self.plugin.routes().get(self.route)
    }
}

/// What the routes say of a request.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// A route answers it; with the values of its parameters, in order.
    Route(Target, Vec<String>),
    /// It asks for the methods at this place.
    Options(&'a HeaderValue),
    /// The place exists, but not with this method.
    OtherMethods(&'a HeaderValue),
    /// Nothing is there.
    Nothing,
}

/// Gathers routes and finds those that collide.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    places: BTreeMap<String, Place>,
    /// Who declares a named schema first. Whoever declares it as well has the same.
    schemas: HashMap<String, Arc<Plugin>>,
}

#[derive(Debug, Default)]
struct Place {
    methods: BTreeMap<&'static str, Claim>,
    /// Routes with a tail, which also match where nothing is left for it.
    tails: BTreeMap<&'static str, Claim>,
}

impl Builder {
    /// Adds all routes of a plugin, or none when one of them is taken, or one of its named schemas is.
    pub(crate) fn add(&mut self, plugin: &Arc<Plugin>) -> Result<(), Vec<Diagnostic>> {
        let declared = plugin.components().keys();
        let clash = |name: &String| plugin.clash_with(self.schemas.get(name)?, name);
        let mut faults: Vec<Diagnostic> = declared.clone().filter_map(clash).collect();
        for route in plugin.routes() {
            let place = self.places.get(&key(&route.pattern));
            for method in &route.methods {
                let first =
                    place.and_then(|place| place.methods.get(method)).and_then(Claim::route);
                faults.extend(first.map(|first| route.collides_with(first, method)));
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        for name in declared {
            if !self.schemas.contains_key(name) {
                self.schemas.insert(name.clone(), Arc::clone(plugin));
            }
        }
        for (index, route) in plugin.routes().iter().enumerate() {
            let target = Claim { plugin: Arc::clone(plugin), route: index };
            let place = self.places.entry(key(&route.pattern)).or_default();
            for method in &route.methods {
                place.methods.insert(method, target.clone());
            }
            if let Some(above) = above_tail(&route.pattern) {
                let place = self.places.entry(above).or_default();
                for method in &route.methods {
                    place.tails.entry(method).or_insert_with(|| target.clone());
                }
            }
        }
        Ok(())
    }

    /// The router of all that was added; `served` are the plugins by name.
    pub(crate) fn build(self, served: &[Arc<Plugin>]) -> Router {
        let places: HashMap<&str, usize> =
            served.iter().enumerate().map(|(place, plugin)| (plugin.name(), place)).collect();
        let target = |claim: &Claim| {
            let (plugin, route) = (*places.get(claim.plugin.name())?, claim.route()?);
            Some(Target { plugin, route: claim.route, parameters: route.names.len() })
        };
        let mut router = Router::default();
        for (key, mut place) in spread(self.places) {
            for (method, target) in place.tails {
                place.methods.entry(method).or_insert(target);
            }
            let node = router.nodes.len();
            router.nodes.push(Node::new(&place.methods, target));
            if key.contains('{') {
                // Keys differ in shape, so they cannot conflict; were one refused, it would be absent.
                if let Err(error) = router.matching.insert(&key, node) {
                    tracing::error!(route = key, %error, "a route could not be entered");
                }
            } else {
                router.literal.insert(key, node);
            }
        }
        router
    }
}

/// Makes room for tails that share their place with parameters, of which the table takes either: such a
/// tail stands beside the parameter for one segment, and below it for more.
fn spread(mut places: BTreeMap<String, Place>) -> BTreeMap<String, Place> {
    let mut tails: Vec<String> = places.keys().filter(|key| key.ends_with(TAIL)).cloned().collect();
    // The deeper one knows more of the path, and is there first.
    tails.sort_by_key(|key| std::cmp::Reverse(key.matches('/').count()));
    for key in tails {
        let Some(tail) = places.remove(&key) else { continue };
        let mut above = key.strip_suffix(TAIL).unwrap_or_default().to_owned();
        loop {
            let below = format!("{above}/{{p{}}}", above.matches('/').count());
            let is_below = |key: &str| {
                key.strip_prefix(&below)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            if !places.range(below.clone()..).next().is_some_and(|(key, _)| is_below(key)) {
                break;
            }
            let place = places.entry(below.clone()).or_default();
            for (method, claim) in &tail.methods {
                place.tails.entry(method).or_insert_with(|| claim.clone());
            }
            above = below;
        }
        let place = places.entry(above + TAIL).or_default();
        for (method, claim) in tail.methods {
            place.methods.entry(method).or_insert(claim);
        }
    }
    places
}

impl Node {
    fn new(
        methods: &BTreeMap<&'static str, Claim>,
        target: impl Fn(&Claim) -> Option<Target>,
    ) -> Self {
        let has = |name: &str| methods.contains_key(name);
        let allowed: Vec<&str> = METHODS
            .into_iter()
            .filter(|name| has(name) || *name == "OPTIONS" || (*name == "HEAD" && has("GET")))
            .collect();
        let allow = HeaderValue::from_str(&allowed.join(", "))
            .unwrap_or_else(|_| HeaderValue::from_static("GET"));
        let targets = methods
            .iter()
            .filter_map(|(name, claim)| {
                Some((Method::from_bytes(name.as_bytes()).ok()?, target(claim)?))
            })
            .collect();
        Self { targets, allow }
    }

    fn target(&self, method: &Method) -> Option<&Target> {
        self.targets.iter().find(|(there, _)| there == method).map(|(_, target)| target)
    }
}

impl Router {
    /// A plugin that has a route at a canonical path, whatever the method: its place among those that are
    /// served.
    pub(crate) fn owner(&self, path: &str) -> Option<usize> {
        let node = self.literal.get(path).or_else(|| Some(self.matching.at(path).ok()?.value))?;
        Some(self.nodes.get(*node)?.targets.first()?.1.plugin)
    }

    /// Finds what answers `method` at a canonical path.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Found<'_> {
        if let Some(node) = self.literal.get(path).and_then(|node| self.nodes.get(*node)) {
            return found(node, method, Vec::new);
        }
        let Ok(matched) = self.matching.at(path) else { return Found::Nothing };
        let Some(node) = self.nodes.get(*matched.value) else { return Found::Nothing };
        found(node, method, || {
            matched.params.iter().map(|(_, value)| super::path::restored(value)).collect()
        })
    }
}

fn found<'a>(node: &'a Node, method: &Method, values: impl FnOnce() -> Vec<String>) -> Found<'a> {
    let target = node.target(method).or_else(|| match *method {
        Method::HEAD => node.target(&Method::GET),
        _ => None,
    });
    match target {
        Some(target) => Found::Route(*target, joined(values(), target.parameters)),
        None if method == Method::OPTIONS => Found::Options(&node.allow),
        None => Found::OtherMethods(&node.allow),
    }
}

/// The values of `most` parameters: what more segments matched belongs to the tail.
fn joined(mut values: Vec<String>, most: usize) -> Vec<String> {
    if values.len() > most && most > 0 {
        let tail = values.split_off(most - 1);
        values.push(tail.join("/"));
    }
    values
}

/// The place of a pattern in the router: parameters lose their names, so that they can differ.
fn key(pattern: &Pattern) -> String {
    let mut key = String::new();
    for (index, segment) in pattern.segments().iter().enumerate() {
        key.push('/');
        match segment {
            Segment::Literal(text) => key.push_str(text),
            Segment::Parameter(_) => key.extend(["{p", &index.to_string(), "}"]),
            Segment::Tail(_) => key.push_str("{*rest}"),
        }
    }
    if key.is_empty() { "/".to_owned() } else { key }
}

/// The place where a pattern's tail is empty.
fn above_tail(pattern: &Pattern) -> Option<String> {
    let key = key(pattern);
    let above = key.strip_suffix(TAIL)?;
    Some(if above.is_empty() { "/".to_owned() } else { above.to_owned() })
}
