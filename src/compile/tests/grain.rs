//! Programs as Rhai's own generator makes them: `tests/grain/corpus/generate.rs` of Rhai's repository at f1f06ab9, by
//! the Rhai contributors, under the Apache License 2.0 or the MIT license. Changed: the statements are in a
//! function `main`, choices come from another source, texts interpolate, and
//! a `continue` does not keep a loop from its end.
//!
//! Nothing recurses and every loop ends. Closures are called directly, never handed to natives.

use super::generator::Choices;

/// The program of a number.
pub(super) fn program(seed: u64) -> String {
    Generator::new(seed).script()
}

/// How deep an expression may nest.
const MAX_DEPTH: usize = 3;

/// How deep blocks and control flow may nest, for the same reason.
const MAX_NESTING: usize = 2;

/// Operators whose *result* is a boolean whatever their operands turn out to be, so the parser
/// accepts one as a condition.
const COMPARISONS: &[&str] = &["==", "!=", "<", "<=", ">", ">="];

/// Operators that are defined for at least one pair of generated types.
const BINARY: &[&str] = &["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&", "|"];

const METHODS: &[&str] = &["len", "to_string", "abs", "is_empty", "floor", "to_upper"];

/// Natives called in *function-call* style, with their arity.
#[rustfmt::skip]
const NATIVES: &[(&str, usize)] = &[
    ("push", 2), ("insert", 3), ("remove", 2), ("truncate", 2), ("reverse", 1), ("clear", 1), ("pop", 1),
    ("shift", 1), ("len", 1), ("is_empty", 1), ("abs", 1), ("to_upper", 1),
];

struct Generator {
    choices: Choices,
    /// Variables that can be named, innermost last.
    vars: Vec<String>,
    /// Functions defined so far, with their arity.
    functions: Vec<(String, usize)>,
    /// Loop nesting, so `break` and `continue` appear only where they parse.
    loops: usize,
    depth: usize,
    /// Nesting of blocks and control flow, capped for the same reason `depth` is.
    nesting: usize,
    /// Set while generating the inside of an interpolated string, where another one cannot go — the
    /// lexer ends the outer string on the inner one's opening backtick.
    interpolating: bool,
    /// Supplies names that cannot collide with each other.
    counter: usize,
}

impl Generator {
    fn new(seed: u64) -> Self {
        Self {
            choices: Choices(seed),
            vars: Vec::new(),
            functions: Vec::new(),
            loops: 0,
            depth: 0,
            nesting: 0,
            interpolating: false,
            counter: 0,
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.choices.place(bound)
    }

    fn chance(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn name(&mut self, prefix: &str) -> String {
        self.counter += 1;
        format!("{prefix}{}", self.counter)
    }

    /// One whole script.
    fn script(&mut self) -> String {
        let mut out = String::new();

        for _ in 0..self.below(3) {
            out.push_str(&self.function());
            out.push(' ');
        }

        // A scope of its own per script, so nothing leaks between them.
        self.vars.clear();
        out.push_str("fn main() { ");
        for _ in 0..=self.below(5) {
            out.push_str(&self.statement());
            out.push(' ');
        }

        // Ending on an expression gives the script a value, so a divergence in what it computed
        // shows up and not only a divergence in what it left behind.
        out.push_str(&self.expression());
        out.push_str(" }");
        out
    }

    fn function(&mut self) -> String {
        let name = self.name("f");
        let arity = self.below(3);
        let params: Vec<String> = (0..arity).map(|i| format!("p{i}")).collect();

        // A body sees its parameters and nothing else, which is also what Rhai gives it.
        let outer = std::mem::replace(&mut self.vars, params.clone());
        let outer_loops = std::mem::replace(&mut self.loops, 0);
        // Rhai allows a function body half the expression depth it allows the top level
        // (`MAX_FUNCTION_EXPR_DEPTH`), so a body starts one level in.
        let outer_nesting = std::mem::replace(&mut self.nesting, 1);
        let mut body = String::new();
        for _ in 0..=self.below(3) {
            body.push_str(&self.statement());
            body.push(' ');
        }
        body.push_str(&self.expression());
        self.vars = outer;
        self.loops = outer_loops;
        self.nesting = outer_nesting;

        // Registered after the body is generated, so the body cannot call it.
        self.functions.push((name.clone(), arity));
        format!("fn {name}({}) {{ {body} }}", params.join(", "))
    }

    fn statement(&mut self) -> String {
        // Weighted by hand.
        let nesting_kinds = if self.nesting < MAX_NESTING { 5 } else { 0 };
        let loop_kinds = if self.loops > 0 { 2 } else { 0 };
        match self.below(5 + nesting_kinds + loop_kinds) {
            0..=2 => {
                let value = self.expression();
                let name = self.name("v");
                self.vars.push(name.clone());
                format!("let {name} = {value};")
            }
            3 => self.assignment(),
            4 => format!("{};", self.expression()),

            // Nesting, reachable only while there is budget for it.
            5 => {
                let cond = self.condition();
                self.nesting += 1;
                let then = self.block();
                let otherwise = self.chance(2).then(|| self.block());
                self.nesting -= 1;
                match otherwise {
                    Some(otherwise) => format!("if {cond} {then} else {otherwise}"),
                    None => format!("if {cond} {then}"),
                }
            }
            6 => self.nested(Self::bounded_while),
            7 => self.nested(Self::for_loop),
            8 => self.nested(Self::switch),
            9 => self.nested(Self::try_catch),

            // Only reachable inside a loop, per `loop_kinds` above.
            10 => "break;".to_string(),
            _ => "continue;".to_string(),
        }
    }

    fn nested(&mut self, build: fn(&mut Self) -> String) -> String {
        self.nesting += 1;
        let out = build(self);
        self.nesting -= 1;
        out
    }

    /// A run of statements, with the scope they declared popped afterwards exactly as the VM pops
    /// it.
    fn statements(&mut self) -> String {
        let mark = self.vars.len();
        let mut out = String::new();
        for _ in 0..=self.below(2) {
            out.push_str(&self.statement());
            out.push(' ');
        }
        self.vars.truncate(mark);
        out
    }

    fn block(&mut self) -> String {
        format!("{{ {} }}", self.statements())
    }

    fn assignment(&mut self) -> String {
        let Some(target) = self.variable() else {
            return format!("{};", self.expression());
        };
        let op = self.choices.of(&["=", "+=", "-=", "*="]).to_string();
        format!("{target} {op} {};", self.expression())
    }

    /// `while`, with a guard the body cannot reach.
    fn bounded_while(&mut self) -> String {
        let guard = self.name("g");
        let limit = 1 + self.below(4);
        self.loops += 1;
        let body = self.statements();
        self.loops -= 1;
        format!("let {guard} = 0; while {guard} < {limit} {{ {guard} += 1; {body} }}")
    }

    fn for_loop(&mut self) -> String {
        let item = self.name("it");
        let iterable =
            if self.chance(2) { format!("0..{}", 1 + self.below(4)) } else { self.array() };

        self.vars.push(item.clone());
        self.loops += 1;
        let body = self.block();
        self.loops -= 1;
        self.vars.pop();

        format!("for {item} in {iterable} {body}")
    }

    fn switch(&mut self) -> String {
        let subject = self.expression();
        let mut arms = Vec::new();
        for value in 0..=self.below(3) {
            arms.push(format!("{value} => {}", self.expression()));
        }
        if self.chance(3) {
            arms.push(format!("0..={} => {}", 9, self.expression()));
        }
        arms.push(format!("_ => {}", self.expression()));
        format!("switch {subject} {{ {} }};", arms.join(", "))
    }

    fn try_catch(&mut self) -> String {
        let mut body = self.statements();
        // A `throw` inside, most of the time.
        if !self.chance(3) {
            let thrown = self.expression();
            body.extend([format!("throw {thrown};")]);
        }
        let catch = self.block();
        if self.chance(2) {
            format!("try {{ {body} }} catch (e) {catch}")
        } else {
            format!("try {{ {body} }} catch {catch}")
        }
    }

    fn variable(&mut self) -> Option<String> {
        if self.vars.is_empty() {
            return None;
        }
        let at = self.below(self.vars.len());
        Some(self.vars[at].clone())
    }

    /// An array literal, empty about a quarter of the time.
    fn array(&mut self) -> String {
        let items: Vec<String> = (0..self.below(4)).map(|_| self.element()).collect();
        format!("[{}]", items.join(", "))
    }

    fn map(&mut self) -> String {
        let entries: Vec<String> =
            (0..self.below(4)).map(|n| format!("k{n}: {}", self.element())).collect();
        format!("#{{ {} }}", entries.join(", "))
    }

    /// An array or a map, whichever kind of literal this build has syntax for.
    fn container(&mut self) -> String {
        if self.chance(2) {
            return self.array();
        }
        self.map()
    }

    /// What goes inside a literal.
    fn element(&mut self) -> String {
        if self.depth < MAX_DEPTH && self.chance(4) {
            self.depth += 1;
            let out = self.container();
            self.depth -= 1;
            return out;
        }
        self.atom()
    }

    /// A leaf.
    fn atom(&mut self) -> String {
        match self.below(8) {
            0..=2 => format!("{}", self.below(64)),
            3 => format!("{}.{}", self.below(8), self.below(8)),
            4 => format!("\"s{}\"", self.below(8)),
            5 => self.choices.of(&["true", "false"]).to_string(),
            6 => "'c'".to_string(),
            _ => self.variable().unwrap_or_else(|| "1".to_string()),
        }
    }

    /// Something the parser will accept where a boolean is required.
    fn condition(&mut self) -> String {
        if self.depth >= MAX_DEPTH {
            return self.choices.of(&["true", "false"]).to_string();
        }
        self.depth += 1;
        let out = match self.below(8) {
            0 => "true".to_string(),
            1 => "false".to_string(),
            2 => format!("(!{})", self.condition()),
            3 => {
                let lhs = self.condition();
                let op = self.choices.of(&["&&", "||"]);
                format!("({lhs} {op} {})", self.condition())
            }
            _ => {
                let lhs = self.expression();
                let op = self.choices.of(COMPARISONS);
                format!("({lhs} {op} {})", self.expression())
            }
        };
        self.depth -= 1;
        out
    }

    fn expression(&mut self) -> String {
        if self.depth >= MAX_DEPTH {
            return self.atom();
        }
        self.depth += 1;
        let out = self.compound();
        self.depth -= 1;
        out
    }

    fn compound(&mut self) -> String {
        match self.below(14) {
            11 if !self.interpolating => {
                self.interpolating = true;
                let segment = self.expression();
                self.interpolating = false;
                format!("`i{}${{{segment}}}`", self.below(8))
            }
            0..=3 | 11 => self.atom(),
            4 | 5 => {
                let lhs = self.expression();
                let op = self.choices.of(BINARY);
                format!("({lhs} {op} {})", self.expression())
            }
            6 => format!("(-{})", self.expression()),
            // `!` takes a condition rather than any expression.
            7 => format!("(!{})", self.condition()),
            8 => self.array(),
            9 => self.map(),
            // A chain over each of the three `Root` variants.
            10 => {
                // An array root, because the index step below needs one — a map refuses a numeric
                // index at parse time.
                let root = match self.variable() {
                    _ if self.chance(6) => "absent".to_string(),
                    Some(var) if self.chance(2) => var,
                    _ => self.array(),
                };
                match self.below(3) {
                    0 => format!("{root}[{}]", self.below(4)),
                    1 => format!("{root}.{}()", self.choices.of(METHODS)),
                    _ => format!("{root}.a"),
                }
            }
            12 => self.call(),
            // A closure, called directly.
            _ => {
                let param = self.name("c");
                self.vars.push(param.clone());
                let body = self.expression();
                self.vars.pop();
                format!("(|{param}| {body}).call({})", self.atom())
            }
        }
    }

    fn call(&mut self) -> String {
        if self.chance(4) {
            return self.native_call();
        }
        if self.functions.is_empty() {
            return self.atom();
        }
        let at = self.below(self.functions.len());
        let (name, arity) = self.functions[at].clone();
        let args: Vec<String> = (0..arity).map(|_| self.atom()).collect();
        format!("{name}({})", args.join(", "))
    }

    /// A native in function-call style, with a variable in first position wherever there is one to
    /// use — see [`NATIVES`].
    fn native_call(&mut self) -> String {
        let (name, arity) = NATIVES[self.below(NATIVES.len())];
        // Falling back to an atom rather than a literal where there is no variable.
        let receiver = self.variable().unwrap_or_else(|| self.array());
        let rest: Vec<String> = (1..arity).map(|_| self.atom()).collect();

        if rest.is_empty() {
            return format!("{name}({receiver})");
        }
        format!("{name}({receiver}, {})", rest.join(", "))
    }
}
