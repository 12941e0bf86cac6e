//! The rules: every kind of change that is told, with its stable name and what it means.

use std::fmt;

use super::change::{Severity, Side};

/// What a change of a schema does to the values that it allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Fewer values: breaks who sends them.
    Narrows,
    /// More values: breaks who receives them.
    Widens,
    /// Nobody can say, or a promise is gone: breaks both.
    Breaks,
    /// Both go on to work.
    Harmless,
    /// Breaks who sends, says nothing to who receives.
    BreaksRequests,
    /// Tells who sends something, says nothing to who receives.
    TellsRequests,
    /// No value is affected.
    None,
}

impl Effect {
    /// What it means where the values are sent by the client or by the server.
    pub(super) fn severity(self, side: Side) -> Severity {
        match (self, side) {
            (Self::Narrows | Self::BreaksRequests, Side::Request)
            | (Self::Widens, Side::Response)
            | (Self::Breaks, _) => Severity::Breaking,
            (Self::Narrows, Side::Response)
            | (Self::Widens | Self::TellsRequests, Side::Request)
            | (Self::Harmless, _) => Severity::Compatible,
            (Self::None, _) | (Self::BreaksRequests | Self::TellsRequests, Side::Response) => {
                Severity::Cosmetic
            }
        }
    }
}

/// Makes an enum of rules from one table of variants, names and meanings.
macro_rules! rules {
    ($(#[$about:meta])* $name:ident: $kind:ident { $($rule:ident $text:literal $meaning:ident,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum $name {
            $(#[doc = $text] $rule,)+
        }

        impl $name {
            /// Every one of them.
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[$(Self::$rule,)+];

            /// Its stable name.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$rule => $text,)+
                }
            }

            /// What it means.
            fn meaning(self) -> $kind {
                match self {
                    $(Self::$rule => $kind::$meaning,)+
                }
            }
        }
    };
}

rules! {
    /// Rules about routes and what stands around schemas.
    RouteRule: Severity {
        RouteRemoved "route-removed" Breaking,
        RouteAdded "route-added" Compatible,
        RouteShadowed "route-shadowed" Breaking,
        MethodRemoved "method-removed" Breaking,
        HeadLeftToGet "head-left-to-get" Compatible,
        MethodAdded "method-added" Compatible,
        LongerPathsRemoved "longer-paths-removed" Breaking,
        LongerPathsAdded "longer-paths-added" Compatible,
        PathParameterRenamed "path-parameter-renamed" Cosmetic,
        OperationIdChanged "operation-id-changed" Cosmetic,
        OperationDeprecated "operation-deprecated" Compatible,
        OperationReinstated "operation-reinstated" Compatible,
        SummaryChanged "summary-changed" Cosmetic,
        DescriptionChanged "description-changed" Cosmetic,
        TagsChanged "tags-changed" Cosmetic,
        ExamplesChanged "examples-changed" Cosmetic,
        ExtensionChanged "extension-changed" Cosmetic,
        ExternalDocsChanged "external-docs-changed" Cosmetic,
        LinksChanged "links-changed" Cosmetic,
        CallbacksChanged "callbacks-changed" Breaking,
        UnknownFieldChanged "unknown-field-changed" Breaking,
        ParameterRemoved "parameter-removed" Breaking,
        ParameterMoved "parameter-moved" Breaking,
        OptionalParameterAdded "optional-parameter-added" Compatible,
        RequiredParameterAdded "required-parameter-added" Breaking,
        ParameterBecameRequired "parameter-became-required" Breaking,
        ParameterBecameOptional "parameter-became-optional" Compatible,
        ParameterStyleChanged "parameter-style-changed" Breaking,
        ParameterDeprecated "parameter-deprecated" Compatible,
        ParameterReinstated "parameter-reinstated" Compatible,
        RequiredRequestBodyAdded "required-request-body-added" Breaking,
        OptionalRequestBodyAdded "optional-request-body-added" Compatible,
        RequestBodyRemoved "request-body-removed" Breaking,
        RequestBodyBecameRequired "request-body-became-required" Breaking,
        RequestBodyBecameOptional "request-body-became-optional" Compatible,
        RequestMediaTypeRemoved "request-media-type-removed" Breaking,
        RequestMediaTypeAdded "request-media-type-added" Compatible,
        RequestEncodingChanged "request-encoding-changed" Breaking,
        RequestEncodingWidened "request-encoding-widened" Compatible,
        ResponseBodyRemoved "response-body-removed" Breaking,
        ResponseBodyAdded "response-body-added" Compatible,
        ResponseMediaTypeRemoved "response-media-type-removed" Breaking,
        ResponseMediaTypeAdded "response-media-type-added" Compatible,
        ResponseEncodingChanged "response-encoding-changed" Breaking,
        SuccessStatusChanged "success-status-changed" Breaking,
        SuccessStatusRemoved "success-status-removed" Breaking,
        SuccessStatusAdded "success-status-added" Compatible,
        ErrorStatusRemoved "error-status-removed" Compatible,
        ErrorStatusAdded "error-status-added" Compatible,
        ResponseHeaderRemoved "response-header-removed" Breaking,
        ResponseHeaderAdded "response-header-added" Compatible,
        ResponseHeaderBecameOptional "response-header-became-optional" Breaking,
        ResponseHeaderBecameRequired "response-header-became-required" Compatible,
        KeyNewlyDemanded "key-newly-demanded" Breaking,
        KeyNoLongerDemanded "key-no-longer-demanded" Compatible,
        ScopeChanged "scope-changed" Breaking,
        ScopeRelaxed "scope-relaxed" Compatible,
        SecuritySchemeRemoved "security-scheme-removed" Breaking,
        SecuritySchemeAdded "security-scheme-added" Compatible,
        SecuritySchemeChanged "security-scheme-changed" Breaking,
        ServerRemoved "server-removed" Breaking,
        ServerAdded "server-added" Compatible,
        WebhooksChanged "webhooks-changed" Breaking,
        InfoChanged "info-changed" Cosmetic,
        UnresolvedReferenceChanged "unresolved-reference-changed" Breaking,
    }
}

rules! {
    /// Rules about schemas; each holds in requests and in answers, with another meaning.
    SchemaRule: Effect {
        PropertyRemoved "property-removed" Breaks,
        PropertyAdded "property-added" Harmless,
        RequiredPropertyAdded "required-property-added" Narrows,
        PropertyBecameRequired "property-became-required" Narrows,
        PropertyBecameOptional "property-became-optional" Widens,
        TypeNarrowed "type-narrowed" Narrows,
        TypeWidened "type-widened" Widens,
        TypeChanged "type-changed" Breaks,
        BecameNullable "became-nullable" Widens,
        BecameNotNullable "became-not-nullable" Narrows,
        EnumValueRemoved "enum-value-removed" Narrows,
        EnumValueAdded "enum-value-added" Widens,
        EnumAdded "enum-added" Narrows,
        EnumRemoved "enum-removed" Widens,
        ConstAdded "const-added" Narrows,
        ConstRemoved "const-removed" Widens,
        ConstChanged "const-changed" Breaks,
        MinimumTightened "minimum-tightened" Narrows,
        MinimumLoosened "minimum-loosened" Widens,
        MaximumTightened "maximum-tightened" Narrows,
        MaximumLoosened "maximum-loosened" Widens,
        MinLengthTightened "min-length-tightened" Narrows,
        MinLengthLoosened "min-length-loosened" Widens,
        MaxLengthTightened "max-length-tightened" Narrows,
        MaxLengthLoosened "max-length-loosened" Widens,
        MinItemsTightened "min-items-tightened" Narrows,
        MinItemsLoosened "min-items-loosened" Widens,
        MaxItemsTightened "max-items-tightened" Narrows,
        MaxItemsLoosened "max-items-loosened" Widens,
        MinPropertiesTightened "min-properties-tightened" Narrows,
        MinPropertiesLoosened "min-properties-loosened" Widens,
        MaxPropertiesTightened "max-properties-tightened" Narrows,
        MaxPropertiesLoosened "max-properties-loosened" Widens,
        ContainsTightened "contains-tightened" Narrows,
        ContainsLoosened "contains-loosened" Widens,
        PatternTightened "pattern-tightened" Narrows,
        PatternLoosened "pattern-loosened" Widens,
        PatternChanged "pattern-changed" Breaks,
        FormatTightened "format-tightened" Narrows,
        FormatLoosened "format-loosened" Widens,
        FormatChanged "format-changed" Breaks,
        ContentTightened "content-tightened" Narrows,
        ContentLoosened "content-loosened" Widens,
        ContentChanged "content-changed" Breaks,
        MultipleOfTightened "multiple-of-tightened" Narrows,
        MultipleOfLoosened "multiple-of-loosened" Widens,
        MultipleOfChanged "multiple-of-changed" Breaks,
        UniqueItemsTightened "unique-items-tightened" Narrows,
        UniqueItemsLoosened "unique-items-loosened" Widens,
        AdditionalPropertiesForbidden "additional-properties-forbidden" Narrows,
        AdditionalPropertiesAllowed "additional-properties-allowed" Widens,
        UnevaluatedTightened "unevaluated-tightened" Narrows,
        UnevaluatedLoosened "unevaluated-loosened" Widens,
        UnevaluatedChanged "unevaluated-changed" Breaks,
        DependentRequiredTightened "dependent-required-tightened" Narrows,
        DependentRequiredLoosened "dependent-required-loosened" Widens,
        VariantRemoved "variant-removed" Narrows,
        VariantAdded "variant-added" Widens,
        VariantsTightened "variants-tightened" Narrows,
        VariantsLoosened "variants-loosened" Widens,
        AllOfMemberAdded "all-of-member-added" Narrows,
        AllOfMemberRemoved "all-of-member-removed" Widens,
        NotAdded "not-added" Narrows,
        NotRemoved "not-removed" Widens,
        DiscriminatorChanged "discriminator-changed" Breaks,
        DiscriminatorExtended "discriminator-extended" Harmless,
        BecameReadOnly "became-read-only" BreaksRequests,
        NoLongerReadOnly "no-longer-read-only" TellsRequests,
        BecameWriteOnly "became-write-only" Breaks,
        NoLongerWriteOnly "no-longer-write-only" Harmless,
        DefaultChanged "default-changed" BreaksRequests,
        DefaultRemoved "default-removed" BreaksRequests,
        DefaultAdded "default-added" TellsRequests,
        Deprecated "deprecated" Harmless,
        Reinstated "reinstated" Harmless,
        DescriptionChanged "description-changed" None,
        ExamplesChanged "examples-changed" None,
        ExtensionChanged "extension-changed" None,
        UndecidableChange "undecidable-change" Breaks,
        UnknownKeywordChanged "unknown-keyword-changed" Breaks,
    }
}

/// A rule, with the side of the conversation where it is about a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Rule {
    /// About routes and what stands around schemas.
    Route(RouteRule),
    /// About a schema of what the client or the server sends.
    Schema(Side, SchemaRule),
}

impl Rule {
    /// What a change by this rule means, unless its place turns that around.
    pub(super) fn severity(self) -> Severity {
        match self {
            Self::Route(rule) => rule.meaning(),
            Self::Schema(side, rule) => rule.effect().severity(side),
        }
    }
}

impl SchemaRule {
    /// What it does to the values that are allowed.
    pub(super) fn effect(self) -> Effect {
        self.meaning()
    }
}

impl From<RouteRule> for Rule {
    fn from(rule: RouteRule) -> Self {
        Self::Route(rule)
    }
}

impl fmt::Display for Rule {
    /// Its stable name: `route-removed`, `response-property-removed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(rule) => f.write_str(rule.name()),
            Self::Schema(side, rule) => write!(f, "{}-{}", side.as_str(), rule.name()),
        }
    }
}
