//! Which certificate a client is shown: by the name that it asks for in the handshake.

use std::{collections::HashMap, sync::Arc};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// Certificates by name. An exact name wins over a star; a name that is not known, or none, gets the main one.
#[derive(Debug)]
pub(super) struct ByName {
    main: Arc<CertifiedKey>,
    names: HashMap<String, Arc<CertifiedKey>>,
}

impl ByName {
    /// The main certificate, and those of names in small letters, such as `a.example` and `*.example`.
    pub(super) fn new(
        main: Arc<CertifiedKey>,
        names: impl Iterator<Item = (String, Arc<CertifiedKey>)>,
    ) -> Self {
        Self { main, names: names.collect() }
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| find(&self.names, name));
        Some(Arc::clone(named.unwrap_or(&self.main)))
    }
}

/// What belongs to a name: by itself, or by the star in the place of its first label.
pub(super) fn find<'a, T>(names: &'a HashMap<String, T>, name: &str) -> Option<&'a T> {
    if names.is_empty() {
        return None;
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    names.get(&name).or_else(|| {
        let (first, parent) = name.split_once('.')?;
        if first.is_empty() { None } else { names.get(&format!("*.{parent}")) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_names_win_and_a_star_is_one_label() {
        let names = [("*.a.example", 1), ("x.a.example", 2), ("a.example", 3)];
        let names: HashMap<String, i32> =
            names.into_iter().map(|(name, which)| (name.to_owned(), which)).collect();
        for (name, which) in [
            ("y.a.example", Some(1)),
            ("X.A.Example.", Some(2)),
            ("a.example", Some(3)),
            ("z.y.a.example", None),
            (".a.example", None),
            ("example", None),
            ("", None),
        ] {
            assert_eq!(find(&names, name), which.as_ref(), "{name}");
        }
    }
}
