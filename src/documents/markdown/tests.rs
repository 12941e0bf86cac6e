//! What Markdown becomes, and the examples of the `CommonMark` specification.

use std::{path::Path, time::Duration};

use super::*;

fn rendered(text: &str) -> Rendered {
    render(text, RawHtml::Omitted, Instant::now() + Duration::from_secs(60))
}

#[test]
fn headings_have_anchors_and_the_first_is_the_title() {
    let page = rendered("intro\n\n## Über *uns*\n\n# A & B\n\n## Über uns\n\n# Second\n");
    assert_eq!(page.title.as_deref(), Some("A & B"));
    assert!(page.html.contains("<h2 id=\"über-uns\">Über <em>uns</em></h2>"), "{}", page.html);
    assert!(page.html.contains("<h2 id=\"über-uns-1\">"), "{}", page.html);
    assert!(page.contents.contains("<a href=\"#über-uns-1\">Über uns</a>"), "{}", page.contents);
    assert_eq!(rendered("text").contents, "");
}

#[test]
fn the_contents_stand_where_they_are_asked_for() {
    let page = rendered("[TOC]\n\n## One\n");
    assert!(page.html.starts_with("<nav class=\"toc\">"), "{}", page.html);
}

#[test]
fn html_and_scripts_are_left_out_unless_allowed() {
    let text = "<script>x</script>\n\n<b>y</b> [a](javascript:alert(1)) ![b](data:text/html,x)";
    let html = rendered(text).html;
    for bad in ["<script", "<b>", "javascript:", "data:"] {
        assert!(!html.contains(bad), "{bad} in {html}");
    }
    let kept = render(text, RawHtml::Kept, Instant::now()).html;
    assert!(kept.contains("<script>x</script>"), "{kept}");
}

#[test]
fn many_headings_of_one_text_take_no_time() {
    let began = Instant::now();
    drop(rendered(&"#\n".repeat(50_000)));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

/// One example of the specification.
struct Example {
    number: usize,
    markdown: String,
    html: String,
}

/// The examples of the specification, or nothing where it is not there and not required. It is under another
/// licence and so no part of the repository: `npm install --no-save commonmark-spec@0.31.2` brings it.
fn examples() -> Option<Vec<Example>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("node_modules/commonmark-spec/spec.txt");
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert_ne!(
            std::env::var("HOTPLATE_REQUIRE_SERVICES").as_deref(),
            Ok("1"),
            "the specification is required and not installed"
        );
        return None;
    };
    let fence = "`".repeat(32);
    let begin = format!("{fence} example\n");
    let end = format!("\n{fence}\n");
    let example = |(index, text): (usize, &str)| {
        let (example, _) = text.split_once(&end).unwrap();
        let (markdown, html) =
            format!("\n{example}\n").split_once("\n.\n").map(|(markdown, html)| {
                (format!("{}\n", markdown.strip_prefix('\n').unwrap()), html.to_owned())
            })?;
        let html = if html.trim().is_empty() { String::new() } else { html };
        let shown = |text: String| text.replace('→', "\t");
        Some(Example { number: index + 1, markdown: shown(markdown), html: shown(html) })
    };
    Some(text.split(&begin).skip(1).enumerate().filter_map(example).collect())
}

#[test]
fn all_examples_of_the_specification_come_out_as_it_says() {
    let Some(examples) = examples() else { return };
    assert_eq!(examples.len(), 652);
    let options = common_mark(RawHtml::Kept);
    let wrong: Vec<String> = examples
        .iter()
        .filter_map(|example| {
            let html = comrak::markdown_to_html(&example.markdown, &options);
            let Example { number, markdown, html: wanted } = example;
            (html != *wanted).then(|| format!("{number}: {markdown:?}\n  {html:?}\n  {wanted:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
