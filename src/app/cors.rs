//! Which rules for pages of other origins hold where a request goes.

use poem::Request;

use super::{docs, documents, openapi};
use crate::{
    admin::Area,
    generation::{Generation, path, router::Found},
    settings::CorsRules,
};

/// The rules for what a request asks for; none for what the server shows of itself, the administration
/// before all, which no page of another site may use.
pub(super) fn rules<'g>(request: &Request, generation: &'g Generation) -> Option<CorsRules<'g>> {
    let path = path::canonical(request.uri().path()).ok()?;
    let own = docs::Part::of(&path).is_some()
        || Area::of(&path).is_some()
        || openapi::format_at(&path).is_some()
        || path.starts_with("/_hotplate/");
    if own {
        return None;
    }
    let found = generation.router.find(request.method(), &path);
    let plugin = match (documents::mount(&path, &found, generation), found) {
        (Some(_), _) => None,
        (None, Found::Route(target, _)) => generation.served.get(target.plugin),
        (None, _) => generation.router.owner(&path).and_then(|place| generation.served.get(place)),
    };
    let name = match plugin {
        Some(plugin) => Some(plugin.name()),
        None => generation.failed_owner(&path).map(|(name, _)| name),
    };
    Some(generation.settings.cors_of(name)).filter(|rules| rules.enabled)
}
