//! Markdown and HTML as pages: variables replaced, Markdown rendered and put into its envelope.

use std::{io, sync::Arc, time::Instant};

use super::{
    Documents,
    compose::{Composed, Into, compose},
    errors::Template,
    escape::{escaped, filled},
    load::Wish,
    magic,
    markdown::{RawHtml, Rendered, render},
    mount::Mount,
    workshop::TIME,
};
use crate::content::{
    identity::Part,
    way::Way,
    whole::{Keeping, Nature, Whole},
};
use crate::settings::DocumentSettings;

/// The largest page, in bytes. What is larger is served as it is.
pub(super) const LARGEST: u64 = 1 << 20;

/// A page that was read.
pub(super) struct Source {
    /// Its text.
    pub(super) text: String,
    /// Whether it may be kept.
    pub(super) keeping: Keeping,
    /// What it depends on, its own file included.
    pub(super) made_of: Vec<Part>,
}

impl Documents {
    /// The page of a Markdown file.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] when it takes too long.
    pub(super) fn markdown(
        &self,
        mount: &Mount,
        wish: &Wish,
        way: &Way,
        source: Source,
    ) -> io::Result<Arc<Whole>> {
        let composed = compose(&source.text, mount, way, Into::Markdown);
        let raw = self.raw_html();
        let rendered = self.render(composed.text.clone(), raw)?;
        let html = composed.put_in(&rendered.html, str::to_owned);
        let title = composed.title.clone().or(rendered.title);
        let title = title.unwrap_or_else(|| way.name().to_owned());
        // HTML that is included in a heading is no text.
        let bare = |text: &str| composed.put_in(text, |_| String::new());
        let envelope = self.envelope.text();
        let css = |set: &Option<String>, own| escaped(&address(set.as_deref(), own, mount, wish));
        let settings = &self.settings;
        let page = filled(
            &envelope,
            &[
                ("title", &escaped(&bare(&title))),
                ("markdown_css", &css(&settings.markdown_css, "markdown.css")),
                ("highlight_css", &css(&settings.highlight_css, "highlight.css")),
                ("mdhtml", &html),
                ("toc", &bare(&rendered.contents)),
            ],
        );
        let mut source = source;
        source.made_of.extend(self.envelope.part());
        let policy = Some(settings.markdown_policy.clone());
        Ok(self.whole(page, mount, wish, source, composed, policy))
    }

    /// The page of an HTML file; nothing where it is served as it is, which is never so in development,
    /// where each page looks whether it was edited.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] when Markdown that it includes takes too long.
    pub(super) fn html(
        &self,
        mount: &Mount,
        way: &Way,
        wish: &Wish,
        source: Source,
    ) -> io::Result<Option<Arc<Whole>>> {
        if !magic::has_any(&source.text) && !self.development {
            return Ok(None);
        }
        let composed = compose(&source.text, mount, way, Into::Html);
        let mut made = Vec::with_capacity(composed.parts.len());
        for (_, markdown) in &composed.parts {
            made.push((markdown.clone(), self.render(markdown.clone(), self.raw_html())?.html));
        }
        let html = composed.put_in(&composed.text, |part| {
            let rendered = made.iter().find(|(markdown, _)| markdown == part);
            rendered.map(|(_, html)| html.clone()).unwrap_or_default()
        });
        let html = match &composed.title {
            Some(title) => titled(&html, title),
            None => html,
        };
        Ok(Some(self.whole(html, mount, wish, source, composed, None)))
    }

    fn raw_html(&self) -> RawHtml {
        if self.settings.markdown_html { RawHtml::Kept } else { RawHtml::Omitted }
    }

    fn render(&self, text: String, raw: RawHtml) -> io::Result<Rendered> {
        // Highlighting takes half of the time at most: code without colours is better than no page.
        let until = Instant::now() + TIME / 2;
        self.workshop.make(move || render(&text, raw, until))
    }

    fn whole(
        &self,
        mut html: String,
        mount: &Mount,
        wish: &Wish,
        source: Source,
        composed: Composed,
        policy: Option<String>,
    ) -> Arc<Whole> {
        if self.development {
            for fault in &composed.faults {
                html.extend(["<p role=\"alert\"><code>", &*escaped(fault), "</code></p>\n"]);
            }
            html.push_str(&live(&html, wish));
        }
        let nature = Nature {
            content_type: "text/html; charset=utf-8".to_owned(),
            is_compressible: true,
            cache_control: mount.settings.cache_control.clone(),
            policy,
            // The page is newer than its file when something else that it was made of is.
            modified: None,
        };
        let keeping = match composed.keeping() {
            Keeping::WhileSame => source.keeping,
            Keeping::Not => Keeping::Not,
        };
        let mut made_of = source.made_of;
        made_of.extend(composed.made_of);
        let mut whole = Whole::new(&html.into(), &nature, made_of, keeping);
        whole.included = composed.included;
        Arc::new(whole)
    }
}

/// What makes a page look whether it is still what it was when it was loaded.
fn live(html: &str, wish: &Wish) -> String {
    let version = super::file::etag(html.as_bytes());
    let (prefix, version) = (&wish.prefix, version.trim_matches('"'));
    format!("<script src=\"{prefix}/_hotplate/live.js\" data-page=\"{version}\"></script>\n")
}

/// The template of Markdown pages.
pub(super) fn envelope(settings: &DocumentSettings) -> Template {
    Template::new(settings.envelope.clone(), include_str!("../../static/envelope.html"))
}

/// The address of a style sheet: as it is set, from the mount on if it is relative; or our own.
fn address(set: Option<&str>, own: &str, mount: &Mount, wish: &Wish) -> String {
    match set {
        None => format!("{}/_hotplate/{own}", wish.prefix),
        Some(set) if set.starts_with('/') || set.contains("://") => set.to_owned(),
        Some(set) => {
            let path = mount.path().trim_end_matches('/');
            format!("{}{path}/{set}", wish.prefix)
        }
    }
}

/// HTML with another title: in its head, which gets one if it has none.
fn titled(html: &str, title: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let head_ends =
        tag(&lower, "</head").or_else(|| tag(&lower, "<body")).map_or(lower.len(), |at| at.0);
    let head = lower.get(..head_ends).unwrap_or_default();
    let text = tag(head, "<title")
        .and_then(|(_, begin)| Some((begin, begin + head.get(begin..)?.find("</title")?)));
    let title = escaped(title);
    let (from, to, new) = if let Some((begin, end)) = text {
        (begin, end, title)
    } else {
        // Before a doctype it would change how the page is read.
        let first = ["<head", "<html", "<!doctype"].iter().find_map(|name| tag(head, name));
        let at = first.map_or(0, |(_, end)| end);
        (at, at, format!("<title>{title}</title>"))
    };
    let (before, after) =
        (html.get(..from).unwrap_or_default(), html.get(to..).unwrap_or_default());
    format!("{before}{new}{after}")
}

/// Where the first tag of that name begins and ends that is in no comment. Each part of the text is looked at
/// once for either.
fn tag(lower: &str, name: &str) -> Option<(usize, usize)> {
    let next = |known: Option<usize>, at: usize, what: &str| match known? {
        place if place >= at => Some(place),
        _ => Some(at + lower.get(at..)?.find(what)?),
    };
    let mut at = 0;
    let mut found = lower.find(name);
    let mut comment = lower.find("<!--");
    loop {
        found = next(found, at, name);
        comment = next(comment, at, "<!--");
        let begins = found?;
        if let Some(comment) = comment.filter(|comment| *comment < begins) {
            at = comment + lower.get(comment..)?.find("-->")?;
            continue;
        }
        at = begins + name.len();
        let after = lower.get(at..)?;
        if after.starts_with(|next: char| next == '>' || next == '/' || next.is_ascii_whitespace())
        {
            return Some((begins, at + after.find('>')? + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{tag, titled};

    #[test]
    fn a_tag_is_found_in_one_go() {
        // Looked through anew at each of them, these take minutes.
        let began = std::time::Instant::now();
        for part in ["<body-x", "<!---->", "<!----><body-x", "<!-- <body> -->"] {
            let page = part.repeat((1 << 20) / part.len());
            assert_eq!(tag(&page, "<body"), None);
            let (begins, ends) = (page.len(), page.len() + 6);
            assert_eq!(tag(&(page + "<body>"), "<body"), Some((begins, ends)), "{part}");
        }
        assert_eq!(tag("<!-- <a> --><a b><a>", "<a"), Some((12, 17)));
        assert_eq!(tag("<!-- <a>", "<a"), None);
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[test]
    fn a_title_goes_into_the_head() {
        for (page, expected) in [
            ("<head><title>a</title></head>", "<head><title>&lt;new&gt;</title></head>"),
            (
                "<HEAD lang=x><header></HEAD>",
                "<HEAD lang=x><title>&lt;new&gt;</title><header></HEAD>",
            ),
            (
                "<html><body><svg><title>icon</title></svg>",
                "<html><title>&lt;new&gt;</title><body><svg><title>icon</title></svg>",
            ),
            ("<!doctype html><p>text", "<!doctype html><title>&lt;new&gt;</title><p>text"),
            (
                "<!-- <title>no</title> --><title>a</title>",
                "<!-- <title>no</title> --><title>&lt;new&gt;</title>",
            ),
            ("<!-- <head> never ends", "<title>&lt;new&gt;</title><!-- <head> never ends"),
            ("<title", "<title>&lt;new&gt;</title><title"),
            ("", "<title>&lt;new&gt;</title>"),
        ] {
            assert_eq!(titled(page, "<new>"), expected);
        }
    }
}
