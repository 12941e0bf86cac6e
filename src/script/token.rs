//! Small mercies of the tokenizer: words that Rhai reserves for itself may be property names, and
//! `null` is the unit value. And a bound on reading: past the deadline of the budget in force, each token is
//! an error.
//!
//! The mapper sees one token after another, so what it must remember of the one before is kept for
//! the thread that compiles; [`begin`] forgets it.

use std::cell::Cell;

use rhai::{Engine, LexError, Token};

use super::budget;

/// What stood before the token at hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A `.`, `?.` or `::`: a name must follow.
    Dot,
    /// A reserved word taken as a name, after which a sign joins two values.
    Name,
    /// Anything else.
    Other,
}

thread_local! {
    static BEFORE: Cell<Before> = const { Cell::new(Before::Other) };
}

/// Words after a dot that Rhai gives a meaning of their own.
const KEPT: [&str; 3] = ["call", "type_of", "is_shared"];

/// What `.curry(…)` calls: a native of the host, which bounds how many values a function holds. Rhai's own
/// is part of the language, and nothing can be put in its place. No script can write this name.
pub(crate) const CURRY: &str = "curry()";

/// Forgets the last token: a new text begins.
pub(super) fn begin() {
    BEFORE.set(Before::Other);
}

/// Installs the mapper.
pub(super) fn install(engine: &mut Engine) {
    #[expect(deprecated, reason = "not deprecated but volatile; the version of rhai is pinned")]
    engine.on_parse_token(|token, _, _| {
        if budget::tick().is_some() {
            return late();
        }
        let before = BEFORE.replace(Before::Other);
        match (before, token) {
            (Before::Dot, token) => after_dot(token),
            (Before::Name, Token::UnaryMinus) => Token::Minus,
            (Before::Name, Token::UnaryPlus) => Token::Plus,
            (Before::Name, Token::IntegerConstant(number)) if number < 0 => signed(),
            (_, Token::Period) => dot(Token::Period),
            (_, Token::Elvis) => dot(Token::Elvis),
            (_, Token::DoubleColon) => dot(Token::DoubleColon),
            (_, Token::Reserved(word)) if word.as_str() == "null" => Token::Unit,
            (_, Token::Reserved(word)) if word.as_str() == "default" => Token::Identifier(word),
            (_, token) => token,
        }
    });
}

fn dot(token: Token) -> Token {
    BEFORE.set(Before::Dot);
    token
}

/// A word after a dot is a name, whatever Rhai would make of it elsewhere.
fn after_dot(token: Token) -> Token {
    match token {
        Token::Reserved(word) if KEPT.contains(&word.as_str()) => Token::Reserved(word),
        Token::Reserved(word) if word.as_str() == "curry" => {
            Token::Identifier(Box::new(CURRY.into()))
        }
        Token::Reserved(word) if rhai::is_valid_identifier(&word) => {
            BEFORE.set(Before::Name);
            Token::Identifier(word)
        }
        token if token.is_literal() && rhai::is_valid_identifier(token.literal_syntax()) => {
            BEFORE.set(Before::Name);
            Token::Identifier(Box::new(token.literal_syntax().into()))
        }
        token => token,
    }
}

/// The tokenizer has joined the sign and the number already: two tokens cannot be made of one.
fn signed() -> Token {
    let message = "write a space between the sign and the number".to_owned();
    Token::LexError(Box::new(LexError::ImproperSymbol("-".to_owned(), message)))
}

/// What ends the parser, which asks nobody else whether it may go on.
fn late() -> Token {
    let message = "there was no time left to read on".to_owned();
    Token::LexError(Box::new(LexError::ImproperSymbol(String::new(), message)))
}
