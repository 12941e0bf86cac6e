//! The names of operations, made of method and path alone: other routes never change them.
//!
//! No two routes that can stand beside each other get the same name. Segments are joined by `_`, a
//! parameter is announced by `by` and a tail by `all`; a literal that could be mistaken for such a mark,
//! or that is not made of plain characters, carries a digest of itself.

use crate::{host::declare::pattern::Segment, source::digest::Digest};

/// The name of the operation `method` at a path.
pub(super) fn operation_id(method: &str, segments: &[Segment]) -> String {
    let mut id = method.to_ascii_lowercase();
    if segments.is_empty() {
        id.push_str("_root");
    }
    for segment in segments {
        id.push('_');
        match segment {
            Segment::Literal(text) => id.push_str(&literal(text)),
            Segment::Parameter(name) => id.extend(["by_", &joined(name)]),
            Segment::Tail(name) => id.extend(["all_", &joined(name)]),
        }
    }
    id
}

/// The names of the operations of a route that gives itself one: of several methods each has one of its own.
pub(super) fn given<'a>(
    named: Option<&'a str>,
    methods: &'a [&'static str],
) -> impl Iterator<Item = (&'static str, String)> + use<'a> {
    let of = move |named: &str, method: &str| match methods.len() {
        1 => named.to_owned(),
        _ => format!("{named}_{}", method.to_ascii_lowercase()),
    };
    named
        .into_iter()
        .flat_map(move |named| methods.iter().map(move |method| (*method, of(named, method))))
}

fn literal(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let inner = !text.starts_with('_') && !text.ends_with('_');
    if text.chars().all(plain) && inner && !["by", "all", "root"].contains(&text) {
        return text.replace('_', "__");
    }
    let readable: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let digest: String = Digest::of(text.as_bytes()).hex().chars().take(8).collect();
    format!("{readable}.{digest}")
}

/// `user_id` as `userId`. What parameters are called tells no two routes apart, so this may lose something.
fn joined(name: &str) -> String {
    let mut joined = String::new();
    for (index, word) in name.split('_').filter(|word| !word.is_empty()).enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if index > 0 => joined.push(first.to_ascii_uppercase()),
            Some(first) => joined.push(first),
            None => {}
        }
        joined.push_str(letters.as_str());
    }
    joined
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::operation_id;
    use crate::host::declare::pattern::Pattern;

    fn id(method: &str, path: &str) -> String {
        operation_id(method, Pattern::parse(path).unwrap().segments())
    }

    #[test]
    fn a_name_says_method_and_path() {
        for (method, path, name) in [
            ("GET", "/", "get_root"),
            ("GET", "/todo", "get_todo"),
            ("PATCH", "/todo/{id}", "patch_todo_by_id"),
            ("GET", "/shop/orders/{order_id}/lines", "get_shop_orders_by_orderId_lines"),
            ("DELETE", "/files/{*rest}", "delete_files_all_rest"),
            ("GET", "/user-profile", "get_user-profile"),
            ("GET", "/user_profile", "get_user__profile"),
        ] {
            assert_eq!(id(method, path), name);
        }
    }

    #[test]
    fn paths_that_look_alike_have_names_of_their_own() {
        let paths = [
            "/", "/root", "/a", "/a/b", "/a_b", "/a__b", "/a_/b", "/a/_b", "/a-b", "/a.b", "/ab",
            "/{a}", "/{a}/{b}", "/{a_b}/x", "/by", "/by/a", "/by_a", "/all/a", "/{*a}", "/A",
            "/a/{b}", "/a/by/b", "/a/by_b", "/a/{*b}", "/a/all/b", "/ä", "/ö", "/a/ä", "/a~b",
        ];
        let names: HashSet<String> = paths.iter().map(|path| id("GET", path)).collect();
        assert_eq!(names.len(), paths.len(), "{names:?}");
    }

    #[test]
    fn a_name_can_stand_in_an_address() {
        let name = id("GET", "/straße/{größe}/{*x}".replace("größe", "g").as_str());
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)), "{name}");
    }
}
