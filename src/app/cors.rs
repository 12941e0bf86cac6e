//! Which rules for pages of other origins hold where a request goes.

use super::{documents, endpoint::is_own};
use crate::{
    generation::{Generation, path, router::Found},
    server::Request,
    settings::CorsRules,
};

/// The rules for what a request asks for; none for what the server shows of itself, the administration
/// before all, which no page of another site may use.
pub(super) fn rules<'g>(
    request: &Request<'_>,
    generation: &'g Generation,
) -> Option<CorsRules<'g>> {
    let path = path::canonical(request.uri().path()).ok()?;
    if is_own(&path) {
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
