//! One pair of schemas for each rule about schemas, judged in requests and in answers.

use std::collections::BTreeSet;

use super::{
    super::{change::Side, compare, rule::SchemaRule},
    BREAKING, COMPATIBLE, COSMETIC, Severity, graded, parsed, with_schema,
};

/// The rule, what it means in requests and in answers, the old schema and the new one.
type Row = (&'static str, Severity, Severity, &'static str, &'static str);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("property-removed", BREAKING, BREAKING, r#"{"properties":{"a":{},"b":{}}}"#, r#"{"properties":{"a":{}}}"#),
    ("property-added", COMPATIBLE, COMPATIBLE, r#"{"properties":{"a":{}}}"#, r#"{"properties":{"a":{},"b":{}}}"#),
    ("required-property-added", BREAKING, COMPATIBLE, r#"{"properties":{}}"#, r#"{"properties":{"b":{}},"required":["b"]}"#),
    ("property-became-required", BREAKING, COMPATIBLE, r#"{"properties":{"a":{}}}"#, r#"{"properties":{"a":{}},"required":["a"]}"#),
    ("property-became-optional", COMPATIBLE, BREAKING, r#"{"properties":{"a":{}},"required":["a"]}"#, r#"{"properties":{"a":{}}}"#),
    ("type-narrowed", BREAKING, COMPATIBLE, r#"{"type":["string","integer"]}"#, r#"{"type":"string"}"#),
    ("type-narrowed", BREAKING, COMPATIBLE, r#"{"type":"number"}"#, r#"{"type":"integer"}"#),
    ("type-narrowed", BREAKING, COMPATIBLE, "{}", r#"{"type":"object"}"#),
    ("type-narrowed", BREAKING, COMPATIBLE, r#"{"type":"string"}"#, "false"),
    ("type-widened", COMPATIBLE, BREAKING, r#"{"type":"string"}"#, r#"{"type":["string","boolean"]}"#),
    ("type-widened", COMPATIBLE, BREAKING, r#"{"type":"integer"}"#, r#"{"type":"number"}"#),
    ("type-widened", COMPATIBLE, BREAKING, r#"{"type":"array"}"#, "true"),
    ("type-changed", BREAKING, BREAKING, r#"{"type":"string"}"#, r#"{"type":"integer"}"#),
    ("type-changed", BREAKING, BREAKING, r#"{"type":["string","array"]}"#, r#"{"type":["string","object"]}"#),
    ("became-nullable", COMPATIBLE, BREAKING, r#"{"type":"string"}"#, r#"{"type":["string","null"]}"#),
    ("became-nullable", COMPATIBLE, BREAKING, r#"{"type":"string"}"#, r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#),
    ("became-nullable", COMPATIBLE, BREAKING, r#"{"enum":["a"]}"#, r#"{"enum":["a",null]}"#),
    ("became-not-nullable", BREAKING, COMPATIBLE, r#"{"type":["integer","null"]}"#, r#"{"type":"integer"}"#),
    ("became-not-nullable", BREAKING, COMPATIBLE, r#"{"oneOf":[{"type":"null"},{"type":"integer"}]}"#, r#"{"type":"integer"}"#),
    ("enum-value-removed", BREAKING, COMPATIBLE, r#"{"enum":["red","green"]}"#, r#"{"enum":["green"]}"#),
    ("enum-value-added", COMPATIBLE, BREAKING, r#"{"type":"string","enum":["red"]}"#, r#"{"type":"string","enum":["red","blue"]}"#),
    ("enum-added", BREAKING, COMPATIBLE, r#"{"type":"string"}"#, r#"{"type":"string","enum":["red"]}"#),
    ("enum-removed", COMPATIBLE, BREAKING, r#"{"type":"string","enum":["red"]}"#, r#"{"type":"string"}"#),
    ("const-added", BREAKING, COMPATIBLE, r#"{"type":"string"}"#, r#"{"type":"string","const":"a"}"#),
    ("const-removed", COMPATIBLE, BREAKING, r#"{"type":"string","const":"a"}"#, r#"{"type":"string"}"#),
    ("const-changed", BREAKING, BREAKING, r#"{"const":"a"}"#, r#"{"const":"b"}"#),
    ("minimum-tightened", BREAKING, COMPATIBLE, r#"{"type":"integer"}"#, r#"{"type":"integer","minimum":0}"#),
    ("minimum-tightened", BREAKING, COMPATIBLE, r#"{"type":"number","minimum":0}"#, r#"{"type":"number","exclusiveMinimum":0}"#),
    ("minimum-loosened", COMPATIBLE, BREAKING, r#"{"type":"integer","minimum":5}"#, r#"{"type":"integer","minimum":1}"#),
    ("maximum-tightened", BREAKING, COMPATIBLE, r#"{"type":"integer","maximum":9007199254740993}"#, r#"{"type":"integer","maximum":9007199254740992}"#),
    ("maximum-loosened", COMPATIBLE, BREAKING, r#"{"type":"number","exclusiveMaximum":1.5}"#, r#"{"type":"number"}"#),
    ("min-length-tightened", BREAKING, COMPATIBLE, r#"{"type":"string","minLength":1}"#, r#"{"type":"string","minLength":2}"#),
    ("min-length-loosened", COMPATIBLE, BREAKING, r#"{"type":"string","minLength":1}"#, r#"{"type":"string","minLength":0}"#),
    ("max-length-tightened", BREAKING, COMPATIBLE, r#"{"type":"string"}"#, r#"{"type":"string","maxLength":80}"#),
    ("max-length-loosened", COMPATIBLE, BREAKING, r#"{"type":"string","maxLength":80}"#, r#"{"type":"string","maxLength":81}"#),
    ("min-items-tightened", BREAKING, COMPATIBLE, r#"{"type":"array"}"#, r#"{"type":"array","minItems":1}"#),
    ("min-items-loosened", COMPATIBLE, BREAKING, r#"{"type":"array","minItems":1}"#, r#"{"type":"array"}"#),
    ("max-items-tightened", BREAKING, COMPATIBLE, r#"{"type":"array","maxItems":9}"#, r#"{"type":"array","maxItems":8}"#),
    ("max-items-loosened", COMPATIBLE, BREAKING, r#"{"type":"array","maxItems":9}"#, r#"{"type":"array"}"#),
    ("min-properties-tightened", BREAKING, COMPATIBLE, r#"{"type":"object"}"#, r#"{"type":"object","minProperties":1}"#),
    ("min-properties-loosened", COMPATIBLE, BREAKING, r#"{"type":"object","minProperties":2}"#, r#"{"type":"object","minProperties":1}"#),
    ("max-properties-tightened", BREAKING, COMPATIBLE, r#"{"type":"object"}"#, r#"{"type":"object","maxProperties":3}"#),
    ("max-properties-loosened", COMPATIBLE, BREAKING, r#"{"type":"object","maxProperties":3}"#, r#"{"type":"object"}"#),
    ("contains-tightened", BREAKING, COMPATIBLE, r#"{"type":"array"}"#, r#"{"type":"array","contains":{"type":"string"}}"#),
    ("contains-tightened", BREAKING, COMPATIBLE, r#"{"type":"array","contains":{"const":1}}"#, r#"{"type":"array","contains":{"const":1},"minContains":2}"#),
    ("contains-loosened", COMPATIBLE, BREAKING, r#"{"type":"array","contains":{"const":1}}"#, r#"{"type":"array"}"#),
    ("content-tightened", BREAKING, COMPATIBLE, r#"{"contentMediaType":"image/*"}"#, r#"{"contentMediaType":"image/png"}"#),
    ("content-loosened", COMPATIBLE, BREAKING, r#"{"contentMediaType":"image/png"}"#, r#"{"contentMediaType":"application/octet-stream"}"#),
    ("content-changed", BREAKING, BREAKING, r#"{"contentMediaType":"image/png"}"#, r#"{"contentMediaType":"image/gif"}"#),
    ("pattern-tightened", BREAKING, COMPATIBLE, r#"{"type":"string"}"#, r#"{"type":"string","pattern":"^a"}"#),
    ("pattern-loosened", COMPATIBLE, BREAKING, r#"{"type":"string","pattern":"^a"}"#, r#"{"type":"string"}"#),
    ("pattern-changed", BREAKING, BREAKING, r#"{"type":"string","pattern":"^a"}"#, r#"{"type":"string","pattern":"^[ab]"}"#),
    ("format-tightened", BREAKING, COMPATIBLE, r#"{"type":"string"}"#, r#"{"type":"string","format":"email"}"#),
    ("format-loosened", COMPATIBLE, BREAKING, r#"{"type":"integer","format":"int32"}"#, r#"{"type":"integer","format":"int64"}"#),
    ("format-changed", BREAKING, BREAKING, r#"{"type":"string","format":"date"}"#, r#"{"type":"string","format":"date-time"}"#),
    ("multiple-of-tightened", BREAKING, COMPATIBLE, r#"{"type":"number","multipleOf":0.1}"#, r#"{"type":"number","multipleOf":0.5}"#),
    ("multiple-of-loosened", COMPATIBLE, BREAKING, r#"{"type":"integer","multipleOf":10}"#, r#"{"type":"integer","multipleOf":5}"#),
    ("multiple-of-changed", BREAKING, BREAKING, r#"{"type":"integer","multipleOf":3}"#, r#"{"type":"integer","multipleOf":4}"#),
    ("unique-items-tightened", BREAKING, COMPATIBLE, r#"{"type":"array"}"#, r#"{"type":"array","uniqueItems":true}"#),
    ("unique-items-loosened", COMPATIBLE, BREAKING, r#"{"type":"array","uniqueItems":true}"#, r#"{"type":"array","uniqueItems":false}"#),
    ("additional-properties-forbidden", BREAKING, COMPATIBLE, r#"{"type":"object"}"#, r#"{"type":"object","additionalProperties":false}"#),
    ("additional-properties-allowed", COMPATIBLE, BREAKING, r#"{"type":"object","additionalProperties":false}"#, r#"{"type":"object","additionalProperties":true}"#),
    ("type-changed", BREAKING, BREAKING, r#"{"additionalProperties":{"type":"string"}}"#, r#"{"additionalProperties":{"type":"boolean"}}"#),
    ("unevaluated-tightened", BREAKING, COMPATIBLE, r#"{"type":"array"}"#, r#"{"type":"array","unevaluatedItems":false}"#),
    ("unevaluated-loosened", COMPATIBLE, BREAKING, r#"{"type":"array","unevaluatedItems":false}"#, r#"{"type":"array"}"#),
    ("unevaluated-changed", BREAKING, BREAKING, r#"{"type":"array","unevaluatedItems":false}"#, r#"{"type":"array","unevaluatedItems":{"type":"string"}}"#),
    ("dependent-required-tightened", BREAKING, COMPATIBLE, r#"{"type":"object"}"#, r#"{"type":"object","dependentRequired":{"card":["address"]}}"#),
    ("dependent-required-loosened", COMPATIBLE, BREAKING, r#"{"type":"object","dependentRequired":{"card":["a","b"]}}"#, r#"{"type":"object","dependentRequired":{"card":["a"]}}"#),
    ("variant-removed", BREAKING, COMPATIBLE, r#"{"oneOf":[{"type":"string"},{"type":"boolean"}]}"#, r#"{"oneOf":[{"type":"string"}]}"#),
    ("variant-added", COMPATIBLE, BREAKING, r#"{"anyOf":[{"type":"string"}]}"#, r#"{"anyOf":[{"type":"string"},{"type":"integer"}]}"#),
    ("variants-tightened", BREAKING, COMPATIBLE, r#"{"anyOf":[{"pattern":"a"},{"minLength":1}]}"#, r#"{"oneOf":[{"pattern":"a"},{"minLength":1}]}"#),
    ("variants-tightened", BREAKING, COMPATIBLE, r#"{"type":"object"}"#, r#"{"type":"object","properties":{},"required":[],"anyOf":[{"required":["a"]},{"required":["b"]}],"minProperties":0}"#),
    ("variants-loosened", COMPATIBLE, BREAKING, r#"{"oneOf":[{"pattern":"a"},{"minLength":1}]}"#, r#"{"anyOf":[{"pattern":"a"},{"minLength":1}]}"#),
    ("all-of-member-added", BREAKING, COMPATIBLE, r#"{"type":"string","pattern":"a"}"#, r#"{"type":"string","pattern":"a","allOf":[{"pattern":"b"}]}"#),
    ("all-of-member-removed", COMPATIBLE, BREAKING, r#"{"type":"string","allOf":[{"pattern":"a"},{"pattern":"b"}]}"#, r#"{"type":"string","pattern":"a"}"#),
    ("not-added", BREAKING, COMPATIBLE, r#"{"type":"string"}"#, r#"{"type":"string","not":{"const":"x"}}"#),
    ("not-removed", COMPATIBLE, BREAKING, r#"{"type":"string","not":{"const":"x"}}"#, r#"{"type":"string"}"#),
    ("max-length-tightened", COMPATIBLE, BREAKING, r#"{"type":"string","not":{"type":"string","maxLength":5}}"#, r#"{"type":"string","not":{"type":"string","maxLength":3}}"#),
    ("discriminator-changed", BREAKING, BREAKING, r#"{"type":"object","discriminator":{"propertyName":"kind"}}"#, r#"{"type":"object","discriminator":{"propertyName":"type"}}"#),
    ("discriminator-extended", COMPATIBLE, COMPATIBLE, r#"{"type":"object","discriminator":{"propertyName":"kind"}}"#, r#"{"type":"object","discriminator":{"propertyName":"kind","mapping":{"c":"Cat"}}}"#),
    ("default-changed", BREAKING, COSMETIC, r#"{"type":"integer","default":10}"#, r#"{"type":"integer","default":20}"#),
    ("default-removed", BREAKING, COSMETIC, r#"{"type":"integer","default":10}"#, r#"{"type":"integer"}"#),
    ("default-added", COMPATIBLE, COSMETIC, r#"{"type":"integer"}"#, r#"{"type":"integer","default":10}"#),
    ("deprecated", COMPATIBLE, COMPATIBLE, r#"{"type":"integer"}"#, r#"{"type":"integer","deprecated":true}"#),
    ("reinstated", COMPATIBLE, COMPATIBLE, r#"{"type":"integer","deprecated":true}"#, r#"{"type":"integer"}"#),
    ("description-changed", COSMETIC, COSMETIC, r#"{"type":"integer","description":"a"}"#, r#"{"type":"integer","description":"b","title":"B"}"#),
    ("examples-changed", COSMETIC, COSMETIC, r#"{"type":"integer"}"#, r#"{"type":"integer","examples":[5]}"#),
    ("extension-changed", COSMETIC, COSMETIC, r#"{"type":"integer","x-unit":"m"}"#, r#"{"type":"integer","x-unit":"cm"}"#),
    ("undecidable-change", BREAKING, BREAKING, r#"{"type":"object","if":{"required":["a"]},"then":{"required":["b"]}}"#, r#"{"type":"object","if":{"required":["a"]},"then":{"required":["c"]}}"#),
    ("undecidable-change", BREAKING, BREAKING, r#"{"type":"object","patternProperties":{"^a":{}}}"#, r#"{"type":"object","patternProperties":{"^b":{}}}"#),
    ("undecidable-change", BREAKING, BREAKING, r#"{"type":"object","dependentSchemas":{}}"#, r#"{"type":"object","dependentSchemas":{"a":{"required":["b"]}}}"#),
    ("undecidable-change", BREAKING, BREAKING, r#"{"type":"string","contentEncoding":"base64"}"#, r#"{"type":"string","contentEncoding":"base16"}"#),
    ("undecidable-change", BREAKING, BREAKING, r##"{"$ref":"#/nowhere","minLength":1}"##, r##"{"$ref":"#/nowhere","minLength":2}"##),
    ("unknown-keyword-changed", BREAKING, BREAKING, r#"{"type":"string","minWords":2}"#, r#"{"type":"string","minWords":3}"#),
];

/// Rules that hold on one side only.
#[rustfmt::skip]
const ONE_SIDED: &[(Side, &str, Severity, &str, &str)] = &[
    (Side::Request, "became-read-only", BREAKING, r#"{"properties":{"a":{}}}"#, r#"{"properties":{"a":{"readOnly":true}}}"#),
    (Side::Request, "no-longer-read-only", COMPATIBLE, r#"{"properties":{"a":{"readOnly":true}}}"#, r#"{"properties":{"a":{}}}"#),
    (Side::Response, "became-write-only", BREAKING, r#"{"properties":{"a":{}}}"#, r#"{"properties":{"a":{"writeOnly":true}}}"#),
    (Side::Response, "no-longer-write-only", COMPATIBLE, r#"{"properties":{"a":{"writeOnly":true}}}"#, r#"{"properties":{"a":{}}}"#),
];

#[test]
fn every_pair_shows_its_rule_in_requests_and_in_answers() {
    let mut wrong = Vec::new();
    for (rule, request, response, old, new) in ROWS {
        for (side, severity) in [(Side::Request, request), (Side::Response, response)] {
            let (old, new) = (with_schema(side, parsed(old)), with_schema(side, parsed(new)));
            let wanted = format!("{severity} {}-{rule}", side.as_str());
            let changes = compare(&old, &new);
            if graded(&changes) != [wanted.as_str()] {
                wrong.push(format!("{wanted}: {changes:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_one_side_never_sees_is_told_on_the_other() {
    for (side, rule, severity, old, new) in ONE_SIDED {
        let changes = compare(&with_schema(*side, parsed(old)), &with_schema(*side, parsed(new)));
        let wanted = format!("{severity} {}-{rule}", side.as_str());
        assert_eq!(graded(&changes), [wanted], "{changes:#?}");
        let other = if *side == Side::Request { Side::Response } else { Side::Request };
        let changes = compare(&with_schema(other, parsed(old)), &with_schema(other, parsed(new)));
        assert_eq!(graded(&changes), [""; 0], "{changes:#?}");
    }
}

#[test]
fn every_rule_about_schemas_has_a_pair() {
    let shown: BTreeSet<&str> =
        ROWS.iter().map(|row| row.0).chain(ONE_SIDED.iter().map(|row| row.1)).collect();
    let missing: Vec<&str> = SchemaRule::ALL
        .iter()
        .map(|rule| rule.name())
        .filter(|name| !shown.contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(ROWS.len() + ONE_SIDED.len() >= 80, "{}", ROWS.len());
}

#[test]
fn a_schema_is_no_change_of_itself() {
    for (_, _, _, old, new) in ROWS {
        for text in [old, new] {
            let document = with_schema(Side::Request, parsed(text));
            assert!(compare(&document, &document.clone()).is_empty(), "{text}");
        }
    }
}
