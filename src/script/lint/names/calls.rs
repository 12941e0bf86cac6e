//! Calls: whether the function is there and takes that many arguments.

use std::collections::BTreeSet;

use rhai::{Expr, FnCallExpr, FnPtr, Namespace, Position, Stmt};

use super::{Walker, each_statement, exports::Exports, is_closure, nearest};
use crate::script::{MOST_ARGUMENTS, lint::signatures::Signatures};

impl Walker<'_> {
    pub(super) fn call(&mut self, call: &FnCallExpr, position: Position) {
        self.inner = closure_of(call).map(|name| self.variables_of(&name)).unwrap_or_default();
        call.args.iter().for_each(|argument| self.expression(argument));
        self.inner.clear();
        self.count(call, position);
        if call.is_operator_call() || call.capture_parent_scope {
            return;
        }
        let given = call.args.len();
        if !call.namespace.is_empty() {
            return self.qualified_call(&call.namespace, &call.name, given, position);
        }
        let name = call.name.as_str();
        if name == "curry" && closure_of(call).is_none() {
            let message = "`curry` is called as a method".to_owned();
            let help = "write `f.curry(…)`, or a closure: `|x| f.call(1, x)`".to_owned();
            return self.fault("curry", message, position, Some(help));
        }
        if Signatures::is_language(name) {
            return;
        }
        let mut takes: BTreeSet<usize> = self.functions.get(name).cloned().unwrap_or_default();
        takes.extend(self.known.natives.takes(name).into_iter().flatten());
        if takes.contains(&given) {
            return;
        }
        if self.scope.contains(name) {
            let message =
                format!("`{name}` is a variable; a function in a variable is called by `call`");
            let arguments = if given == 0 { "" } else { "…" };
            let help = format!("write `{name}.call({arguments})`");
            return self.fault("unknown-function", message, position, Some(help));
        }
        if !takes.is_empty() {
            return self.wrong_number(name, &takes, given, position);
        }
        let known = self.known.natives.names().chain(self.functions.keys().map(String::as_str));
        let near = nearest(name, known.filter(|name| !is_closure(name)));
        let help = near.map(|near| format!("did you mean `{near}`?"));
        self.fault("unknown-function", format!("there is no function `{name}`"), position, help);
    }

    /// Refuses calls with so many arguments that Rhai takes seconds to find out that there is no such
    /// function: it tries all combinations of types.
    fn count(&mut self, call: &FnCallExpr, position: Position) {
        if call.args.len() > MOST_ARGUMENTS {
            let message = format!("a call with {} arguments", call.args.len());
            let help =
                format!("pass an array or a map; at most {MOST_ARGUMENTS} arguments go in a call");
            self.fault("too-many-arguments", message, position, Some(help));
        }
    }

    /// The variables that a function of the script declares.
    fn variables_of(&self, function: &str) -> Vec<String> {
        let mut names = Vec::new();
        for definition in self.definitions.get(function).into_iter().flatten() {
            each_statement(definition, |statement| {
                if let Stmt::Var(variable, ..) = statement {
                    names.push(variable.0.name.to_string());
                }
            });
        }
        names
    }

    fn wrong_number(&mut self, name: &str, takes: &BTreeSet<usize>, given: usize, at: Position) {
        let numbers: Vec<String> = takes.iter().map(ToString::to_string).collect();
        let message = match numbers.as_slice() {
            [one] if one == "1" => format!("`{name}` takes 1 argument, {given} given"),
            [one] => format!("`{name}` takes {one} arguments, {given} given"),
            several => format!("`{name}` takes {} arguments, {given} given", several.join(" or ")),
        };
        self.fault("wrong-arguments", message, at, None);
    }

    pub(super) fn method(&mut self, call: &FnCallExpr, position: Position) {
        self.count(call, position);
        call.args.iter().for_each(|argument| self.expression(argument));
        let name = call.name.as_str();
        let known = Signatures::is_language(name)
            || self.known.natives.takes(name).is_some()
            || self.functions.contains_key(name)
            || self.known.members.contains(name);
        if known {
            return;
        }
        let known = self.known.natives.names().chain(self.functions.keys().map(String::as_str));
        let near = nearest(name, known.filter(|name| !is_closure(name)));
        let help = match (elsewhere(name), near) {
            (Some(here), _) => Some(format!("write `{here}`")),
            (None, near) => near.map(|near| format!("did you mean `{near}`?")),
        };
        self.fault("unknown-function", format!("there is no function `{name}`"), position, help);
    }

    fn qualified_call(&mut self, path: &Namespace, name: &str, given: usize, position: Position) {
        let root = path.root();
        if root == "global" || path.path.len() > 1 {
            return;
        }
        if let Some(library) = self.imports.get(root) {
            let Some(library) = *library else { return };
            return self.library_call(library, root, name, given, position);
        }
        let natives = self.known.natives;
        let Some(functions) = natives.namespace(root) else {
            return self.unknown_namespace(root, path.position());
        };
        match functions.get(name) {
            Some(takes) if takes.contains(&given) => {}
            Some(takes) => self.wrong_number(&format!("{root}::{name}"), takes, given, position),
            None => {
                let near = nearest(name, functions.keys().map(String::as_str));
                let all = || functions.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let help = near.map_or_else(
                    || format!("`{root}` has: {}", all()),
                    |near| format!("did you mean `{root}::{near}`?"),
                );
                let message = format!("there is no function `{root}::{name}`");
                self.fault("unknown-function", message, position, Some(help));
            }
        }
    }

    fn library_call(
        &mut self,
        library: &Exports<'_>,
        alias: &str,
        name: &str,
        given: usize,
        position: Position,
    ) {
        match library.functions.get(name) {
            Some(takes) if takes.contains(&given) => return,
            Some(takes) => {
                return self.wrong_number(&format!("{alias}::{name}"), takes, given, position);
            }
            None => {}
        }
        let help = match nearest(name, library.functions.keys().copied()) {
            _ if library.private.contains(name) => {
                Some(format!("`{name}` is private in {}", library.file))
            }
            Some(near) => Some(format!("did you mean `{alias}::{near}`?")),
            None => None,
        };
        let message = format!("there is no function `{name}` in {}", library.file);
        self.fault("unknown-function", message, position, help);
    }

    pub(super) fn qualified_variable(&mut self, path: &Namespace, name: &str, at: Position) {
        let root = path.root();
        if root == "global" {
            let message = format!("`global::{name}` is written `{name}`");
            let help = "constants of the top level are seen in functions as they are".to_owned();
            return self.fault("global", message, at, Some(help));
        }
        if path.path.len() > 1 {
            return;
        }
        let Some(library) = self.imports.get(root) else {
            if self
                .known
                .natives
                .namespace(root)
                .is_some_and(|functions| functions.contains_key(name))
            {
                return self.bare_function(root, name, at);
            }
            return self.unknown_namespace(root, path.position());
        };
        let Some(library) = *library else { return };
        if library.functions.contains_key(name) {
            return self.bare_function(root, name, at);
        }
        if library.variables.contains(name) {
            return;
        }
        let message = format!("{} exports no `{name}`", library.file);
        let help = match nearest(name, library.variables.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{root}::{near}`?"),
            None => format!("write `export const {name} = …` there"),
        };
        self.fault("unknown-variable", message, at, Some(help));
    }

    /// An imported function cannot be named as a value.
    fn bare_function(&mut self, alias: &str, name: &str, position: Position) {
        let message =
            format!("`{alias}::{name}` is a function of a library and cannot be passed by name");
        let help = format!("put a closure around it: `|req| {alias}::{name}(req)`");
        self.fault("imported-handler", message, position, Some(help));
    }

    fn unknown_namespace(&mut self, name: &str, position: Position) {
        let known = self.known.natives.namespaces().chain(self.imports.keys().map(String::as_str));
        let help = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("import it: `import \"lib/{name}\" as {name};`"),
        };
        let message = format!("there is no module `{name}`");
        self.fault("unknown-module", message, position, Some(help));
    }
}

/// What methods of other schema libraries are called here.
fn elsewhere(name: &str) -> Option<&'static str> {
    Some(match name {
        "minimum" | "minLength" | "min_length" | "minItems" | "min_items" | "gte" | "ge" => {
            ".min(…)"
        }
        "maximum" | "maxLength" | "max_length" | "maxItems" | "max_items" | "lte" | "le" => {
            ".max(…)"
        }
        "nullish" | "allow_null" => ".nullable()",
        "regex" | "matches" => ".pattern(\"…\")",
        "email" | "uuid" | "datetime" | "date" => ".format(\"…\")",
        "description" | "title" => ".describe(\"…\")",
        "examples" => ".example(…)",
        "passthrough" | "loose" | "catchall" => ".additional_properties(…)",
        _ => return None,
    })
}

/// The closure whose captured variables a call binds; Rhai writes closures so.
fn closure_of(call: &FnCallExpr) -> Option<String> {
    match call.args.first() {
        Some(Expr::DynamicConstant(value, _)) if call.name == "curry" => {
            value.read_lock::<FnPtr>().map(|closure| closure.fn_name().to_owned())
        }
        _ => None,
    }
}
