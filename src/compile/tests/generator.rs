//! Programs made from a number.

use ::rhai::{Dynamic, Map};

/// A source of choices.
pub(super) struct Choices(pub(super) u64);

impl Choices {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    pub(super) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }

    pub(super) fn of<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.place(items.len())]
    }
}

struct Program {
    choices: Choices,
    variables: Vec<String>,
    /// Statements and expressions that may still be made.
    left: i32,
    loops: u32,
    names: u32,
    in_function: bool,
}

/// The program of a number.
pub(super) fn program(seed: u64) -> String {
    let mut program = Program {
        choices: Choices(seed),
        variables: Vec::new(),
        left: 60,
        loops: 0,
        names: 0,
        in_function: true,
    };
    let mut source = String::new();
    for (name, parameters) in [("f", &["a"][..]), ("g", &["a", "b"]), ("h", &["a"]), ("int.k", &[])]
    {
        program.variables = parameters.iter().map(|&name| name.to_owned()).collect();
        // Those are called on something.
        if ["h", "int.k"].contains(&name) {
            program.variables.push("this".to_owned());
        }
        program.left = 15;
        let body = program.block(1);
        source.extend([format!("fn {name}({}) {{\n{body}}}\n", parameters.join(", "))]);
    }
    program.in_function = false;
    program.variables = PARAMETERS.map(str::to_owned).to_vec();
    program.left = 60;
    let mut body = String::new();
    for value in ["3", "[1, 2, 3]", "#{ a: 1, b: \"x\", c: [1] }", "\"text\"", "1.5"] {
        let name = program.name();
        body.extend([format!("  let {name} = {value};\n")]);
        program.variables.push(name);
    }
    body += &program.block(1);
    let left = program.variables.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    body.extend([format!("  [{left}]\n")]);
    format!("{source}fn main({}) {{\n{body}}}\n", PARAMETERS.join(", "))
}

/// What `main` is called with: the first two are shared, as what a closure captured is.
pub(super) const PARAMETERS: [&str; 3] = ["p", "q", "r"];

/// The values for them, made anew.
pub(super) fn arguments() -> [Dynamic; 3] {
    let mut map = Map::new();
    map.insert("a".into(), 1_i64.into());
    map.insert("c".into(), vec![Dynamic::from(2_i64)].into());
    [
        Dynamic::from(map).into_shared(),
        Dynamic::from(vec![Dynamic::from(3_i64), 1_i64.into()]).into_shared(),
        Dynamic::from(vec![Dynamic::from(true)]),
    ]
}

impl Program {
    fn name(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    fn variable(&mut self) -> String {
        let at = self.choices.place(self.variables.len());
        self.variables[at].clone()
    }

    fn block(&mut self, depth: usize) -> String {
        let before = self.variables.len();
        let mut text = String::new();
        for _ in 0..=self.choices.below(4) {
            text += &self.statement(depth);
        }
        if depth > 1 || self.in_function {
            if self.choices.below(2) == 0 {
                let value = self.value(2);
                text.extend([format!("{}{value}\n", "  ".repeat(depth))]);
            }
            self.variables.truncate(before);
        }
        text
    }

    /// A `try`; half of them end with a value on its way out, which is still what it was where the next one
    /// fails.
    fn trial(&mut self, depth: usize, indent: &str) -> String {
        let body = self.block(depth + 1);
        let (mut ends, mut noted) = (String::new(), String::new());
        if !self.variables.is_empty() && self.choices.below(2) == 0 {
            let variable = self.variables[self.choices.place(self.variables.len())].clone();
            let fails = self.choices.of(&["1 / 0", "missing(1)", "[1].missing", "2"]);
            ends = match self.choices.below(2) {
                0 => format!("return [{variable}, {}, {fails}];", self.value(1)),
                _ => format!("return #{{ p: {variable}, q: {fails} }};"),
            };
            noted = format!("note({variable});");
        }
        let before = self.variables.len();
        let name = self.name();
        self.variables.push(name.clone());
        let catch = self.block(depth + 1);
        self.variables.truncate(before);
        format!("try {{\n{body}{indent}{ends} }} catch ({name}) {{ {noted}\n{catch}{indent}}}")
    }

    fn statement(&mut self, depth: usize) -> String {
        self.left -= 1;
        let indent = "  ".repeat(depth);
        let kinds = if self.left < 0 || depth > 4 { 6 } else { 16 };
        let text = match self.choices.below(kinds) {
            0 | 1 => {
                let value = self.value(3);
                let name = self.name();
                let keyword = if self.choices.below(9) == 0 { "const" } else { "let" };
                let text = format!("{keyword} {name} = {value};");
                if keyword == "let" {
                    self.variables.push(name);
                }
                text
            }
            2 => {
                let op = self.choices.of(&["=", "+=", "-=", "*=", "/=", "%="]);
                format!("{} {op} {};", self.variable(), self.value(2))
            }
            3 => {
                let to = self.place();
                let op = self.choices.of(&["=", "=", "+=", "-="]);
                format!("{to} {op} {};", self.value(2))
            }
            4 => format!("note({});", self.value(2)),
            5 => format!("{};", self.method()),
            6 | 7 => {
                let condition = self.condition();
                let body = self.block(depth + 1);
                let other = self.block(depth + 1);
                format!("if {condition} {{\n{body}{indent}}} else {{\n{other}{indent}}}")
            }
            8 | 9 => {
                let over = match self.choices.below(4) {
                    0 => format!("0..{}", self.choices.below(4)),
                    1 => format!("0..={}", self.choices.below(3)),
                    2 => format!("[{}, {}]", self.value(1), self.value(1)),
                    _ => self.value(1),
                };
                let name = self.name();
                self.variables.push(name.clone());
                self.loops += 1;
                let body = self.block(depth + 1);
                self.loops -= 1;
                self.variables.retain(|variable| *variable != name);
                format!("for {name} in {over} {{\n{body}{indent}}}")
            }
            10 => {
                let name = self.name();
                self.loops += 1;
                let body = self.block(depth + 1);
                self.loops -= 1;
                format!(
                    "let {name} = 0; while {name} < {} {{ {name} += 1;\n{body}{indent}}}",
                    self.choices.below(4)
                )
            }
            11 => self.trial(depth, &indent),
            12 => {
                let value = self.value(2);
                let cases: Vec<String> = (0..3)
                    .map(|_| {
                        let case =
                            self.choices.of(&["1", "3", "\"x\"", "()", "1..5", "2..=9", "true"]);
                        let guard = match self.choices.below(3) {
                            0 => format!(" if {}", self.condition()),
                            _ => String::new(),
                        };
                        format!("{case}{guard} => {}, ", self.value(2))
                    })
                    .collect();
                format!("note(switch {value} {{ {} _ => {} }});", cases.concat(), self.value(1))
            }
            13 if self.loops > 0 => {
                self.choices.of(&["break;", "continue;", "break 5;"]).to_owned()
            }
            14 => {
                let name = self.name();
                let parameter = self.name();
                self.variables.push(parameter.clone());
                let body = self.value(3);
                self.variables.pop();
                let text = format!("let {name} = |{parameter}| {body};");
                format!("{text} note({name}.call({}));", self.value(1))
            }
            15 if self.choices.below(3) == 0 => match self.choices.below(3) {
                0 => format!("throw {};", self.value(2)),
                _ => format!("return {};", self.value(2)),
            },
            _ => format!("{{\n{}{indent}}}", self.block(depth + 1)),
        };
        format!("{indent}{text}\n")
    }

    fn place(&mut self) -> String {
        let mut text = self.variable();
        for _ in 0..=self.choices.below(2) {
            text.extend([match self.choices.below(4) {
                0 => format!("[{}]", self.value(1)),
                1 => self.choices.of(&["[0]", "[1]", "[-1]", "[9]", "[\"a\"]"]).to_owned(),
                2 => self.choices.of(&[".a", ".b", ".c", ".d"]).to_owned(),
                _ => self.choices.of(&["?.a", ".c[0]", ".a.b", "?[0]"]).to_owned(),
            }]);
        }
        text
    }

    fn method(&mut self) -> String {
        let to = if self.choices.below(2) == 0 { self.variable() } else { self.place() };
        match self.choices.below(24) {
            12 if !self.in_function => format!("{to}.h({})", self.value(1)),
            13 if !self.in_function => format!("{to}.k()"),
            14 => {
                let name =
                    self.choices.of(&["find", "some", "all", "retain", "drain", "for_each", "map"]);
                format!("{to}.{name}(|x, i| {})", self.closure("x"))
            }
            15 => {
                let name = self.choices.of(&["find_map", "index_of", "filter", "for_each", "all"]);
                format!("{to}.{name}(|x| {})", self.closure("x"))
            }
            16 => {
                let name = self.choices.of(&["for_each", "map", "retain", "find"]);
                format!("{to}.{name}(|| {{ {} }})", self.closure("this"))
            }
            17 => {
                let name = self.choices.of(&["reduce", "reduce_rev"]);
                format!("{to}.{name}(|x, y| {}, {})", self.closure("y"), self.value(1))
            }
            18 => format!("{to}.sort(|x, y| x < y)"),
            19 => format!("each_of({to}, |x| {})", self.closure("x")),
            20 => {
                let (variable, name) = (self.variable(), self.choices.of(&["a", "d"]));
                // One that captured what holds it would hold itself.
                let around = std::mem::replace(&mut self.variables, vec!["x".to_owned()]);
                let held = format!("|x| {}", self.closure("this"));
                self.variables = around;
                format!("{{ {variable}.{name} = {held}; {variable}.{name}({}) }}", self.value(1))
            }
            21 => format!("{to}.call(|x| {}, {})", self.closure("this"), self.value(1)),
            22 => format!("own::second({to}, {})", self.value(1)),
            0 => format!("{to}.push({})", self.value(1)),
            1 => format!("{to}.len()"),
            2 => format!("{to}.to_upper()"),
            3 => format!("{to}.keys()"),
            4 => format!("{to}.map(|x| {})", self.closure("x")),
            5 => format!("{to}.filter(|x| {} == {})", self.closure("x"), self.value(1)),
            6 => format!("{to}.reverse()"),
            7 => format!("{to}.pop()"),
            8 => format!("{to}.contains({})", self.value(1)),
            9 => format!("{to}.to_string()"),
            10 => format!("{to}.shift(1)"),
            _ => format!("{to}.insert(0, {})", self.value(1)),
        }
    }

    fn closure(&mut self, parameter: &str) -> String {
        self.variables.push(parameter.to_owned());
        // A closure that calls what may hold itself would call for ever, and twice as often each time.
        let in_function = std::mem::replace(&mut self.in_function, true);
        let value = self.value(2);
        self.in_function = in_function;
        self.variables.pop();
        value
    }

    fn condition(&mut self) -> String {
        let op = self.choices.of(&["==", "!=", "<", ">", "<=", ">="]);
        match self.choices.below(6) {
            0 => format!("({} && {})", self.simple(), self.simple()),
            1 => format!("!({} {op} {})", self.value(1), self.value(1)),
            2 => self.value(1),
            _ => format!("{} {op} {}", self.value(1), self.value(1)),
        }
    }

    fn simple(&mut self) -> String {
        let op = self.choices.of(&["==", "<", ">="]);
        format!("{} {op} {}", self.value(0), self.value(0))
    }

    fn value(&mut self, depth: u32) -> String {
        self.left -= 1;
        if depth == 0 || self.left < -80 {
            let text = self.choices.of(&[
                "0",
                "1",
                "2",
                "-3",
                "1.5",
                "0.1",
                "\"x\"",
                "\"\"",
                "'c'",
                "true",
                "false",
                "()",
                "7",
                "9223372036854775807",
                "[]",
                "#{}",
            ]);
            return match self.choices.below(3) {
                0 => text.to_owned(),
                _ if self.variables.is_empty() => text.to_owned(),
                _ => self.variable(),
            };
        }
        let inner = depth - 1;
        match self.choices.below(18) {
            0..=4 => {
                let op = self.choices.of(&[
                    "+", "-", "*", "/", "%", "==", "!=", "<", ">", "<=", ">=", "??", "&", "<<",
                ]);
                format!("({} {op} {})", self.value(inner), self.value(inner))
            }
            5 => format!("[{}, {}]", self.value(inner), self.value(inner)),
            6 => format!("#{{ b: {}, a: {} }}", self.value(inner), self.value(inner)),
            7 => format!("`<${{{}}} ${{{}}}>`", self.value(inner), self.value(inner)),
            8 | 9 => self.place(),
            10 => self.method(),
            11 if !self.in_function => format!("f({})", self.value(inner)),
            12 if !self.in_function => format!("g({}, {})", self.value(inner), self.value(inner)),
            13 => format!("note({})", self.value(inner)),
            14 => format!(
                "if {} {{ {} }} else {{ {} }}",
                self.condition(),
                self.value(inner),
                self.value(inner)
            ),
            15 => format!("type_of({})", self.value(inner)),
            16 => format!("({} in {})", self.value(inner), self.value(inner)),
            _ => self.value(0),
        }
    }
}
