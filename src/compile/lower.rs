//! From the syntax tree to code: statements.
//!
//! Where a variable or an argument on its way into a call stands on the stack is known here: the scope has
//! an entry for each of them, and running code leaves the stack as long as the scope says.

use rhai::{ASTFlags, Dynamic, Expr, FlowControl, ImmutableString, Position, ScriptFuncDef, Stmt};

use super::{
    Obstacle,
    call::constant,
    flow::{self, Body},
    graph::Compiler,
    iterate::{self, For, Over},
    part::{self, Part},
    trial::{self, Trial},
    vm::{Code, Out},
};

/// Code, or why there is none.
pub(super) type Lowered<T> = Result<T, Obstacle>;

/// The variable that a function is called on.
pub(super) const THIS: &str = "this";

/// One function on its way.
pub(super) struct Lower<'l, 'c> {
    /// What stands on the stack of the function: variables by their names, and arguments on their way.
    pub(super) scope: Vec<Option<ImmutableString>>,
    function: ImmutableString,
    source: ImmutableString,
    /// How many nodes the function has so far.
    pub(super) nodes: u32,
    /// In how many bodies of `try` it is: what fails there is caught, and variables are read again.
    pub(super) tries: u32,
    pub(super) compiler: &'l mut Compiler<'c>,
}

impl<'l, 'c> Lower<'l, 'c> {
    pub(super) fn new(
        definition: &ScriptFuncDef,
        source: &ImmutableString,
        is_method: bool,
        compiler: &'l mut Compiler<'c>,
    ) -> Self {
        let this = is_method.then(|| THIS.into());
        Self {
            scope: this.into_iter().chain(definition.params.iter().cloned()).map(Some).collect(),
            function: definition.name.clone(),
            source: source.clone(),
            nodes: 1,
            tries: 0,
            compiler,
        }
    }
}

impl Lower<'_, '_> {
    pub(super) fn obstacle(&self, what: &str, position: Position) -> Obstacle {
        Obstacle {
            function: self.function.to_string(),
            what: what.to_owned(),
            file: self.source.to_string(),
            position,
        }
    }

    /// The place of a variable.
    pub(super) fn slot(&self, name: &str) -> Option<usize> {
        self.scope.iter().rposition(|entry| entry.as_ref().is_some_and(|entry| entry == name))
    }

    /// Lowers with so many values more on the stack.
    pub(super) fn above<T>(
        &mut self,
        values: usize,
        lower: impl FnOnce(&mut Self) -> Lowered<T>,
    ) -> Lowered<T> {
        let depth = self.scope.len();
        self.scope.resize(depth + values, None);
        let lowered = lower(self);
        self.scope.truncate(depth);
        lowered
    }

    /// Lowers each of some operands.
    pub(super) fn all<'e>(
        &mut self,
        operands: impl IntoIterator<Item = &'e Expr>,
    ) -> Lowered<Vec<Code>> {
        operands.into_iter().map(|operand| self.expression(operand, false)).collect()
    }

    /// Lowers each with the values of those before it on the stack.
    pub(super) fn each<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut lower: impl FnMut(&mut Self, T) -> Lowered<Code>,
    ) -> Lowered<Vec<Code>> {
        items
            .into_iter()
            .enumerate()
            .map(|(index, item)| self.above(index, |lowering| lower(lowering, item)))
            .collect()
    }

    /// The code of statements in a scope of their own; `None` if there are none.
    pub(super) fn block(&mut self, statements: &[Stmt], is_last: bool) -> Lowered<Option<Code>> {
        if statements.is_empty() {
            return Ok(None);
        }
        let depth = self.scope.len();
        let code = self.statements(statements, is_last)?;
        let declares = self.scope.len() > depth;
        self.scope.truncate(depth);
        Ok(Some(if declares { flow::scoped(code, depth) } else { code }))
    }

    pub(super) fn statements(&mut self, statements: &[Stmt], is_last: bool) -> Lowered<Code> {
        let count = statements.len();
        let mut codes = Vec::with_capacity(count);
        for (index, statement) in statements.iter().enumerate() {
            codes.push(self.statement(statement, is_last && index + 1 == count)?);
        }
        Ok(flow::sequence(codes))
    }

    /// The code of a statement. `is_last` where the function ends with its value.
    fn statement(&mut self, statement: &Stmt, is_last: bool) -> Lowered<Code> {
        self.nodes += 1;
        match statement {
            Stmt::Noop(_) => Ok(Box::new(|_| Out::UNIT)),
            Stmt::Expr(expr) => self.expression(expr, is_last),
            Stmt::FnCall(call, position) => self.call(call, *position),
            Stmt::Block(block) => {
                let code = self.block(block.statements(), is_last)?;
                Ok(code.unwrap_or_else(|| constant(Dynamic::UNIT)))
            }
            Stmt::Var(definition, options, _) => {
                let (name, value, index) = &**definition;
                let is_constant = options.intersects(ASTFlags::CONSTANT);
                let value = self.writable(value)?;
                if index.is_some()
                    && let Some(slot) = self.slot(&name.name)
                {
                    return Ok(flow::declare_again(value, slot, is_constant));
                }
                self.scope.push(Some(name.name.clone()));
                Ok(flow::declare(value, is_constant))
            }
            Stmt::Assignment(assignment) => {
                let (op, sides) = &**assignment;
                self.assignment(op, &sides.lhs, &sides.rhs)
            }
            Stmt::If(parts, _) => {
                let FlowControl { expr, body, branch } = &**parts;
                let condition = self.condition(expr)?;
                let body = self.block(body.statements(), is_last)?;
                let other = self.block(branch.statements(), is_last)?;
                Ok(flow::branch(condition, expr.position(), body, other))
            }
            Stmt::Switch(parts, position) => self.switch(&parts.0, &parts.1, *position, is_last),
            Stmt::While(parts, _) => {
                let FlowControl { expr, body, .. } = &**parts;
                if matches!(expr, Expr::Unit(_) | Expr::BoolConstant(true, _)) {
                    return Ok(flow::endless(self.body(body)?));
                }
                let condition = self.condition(expr)?;
                Ok(flow::repeat_while(condition, expr.position(), self.body(body)?))
            }
            Stmt::Do(parts, options, _) => {
                let FlowControl { expr, body, .. } = &**parts;
                let ends_on = options.intersects(ASTFlags::NEGATED);
                let body = self.body(body)?;
                let condition = self.condition(expr)?;
                Ok(flow::repeat_until(condition, expr.position(), ends_on, body))
            }
            Stmt::For(parts, _) => {
                let (name, counter, FlowControl { expr, body, .. }) = &**parts;
                self.each_of(name, counter.as_ref(), expr, body)
            }
            Stmt::BreakLoop(value, options, _) => {
                let value =
                    value.as_ref().map(|value| self.expression(value, false)).transpose()?;
                let is_break = options.intersects(ASTFlags::BREAK);
                Ok(flow::leave(value, if is_break { Out::BREAK } else { Out::CONTINUE }))
            }
            Stmt::Return(value, options, position) => {
                let throws = options.intersects(ASTFlags::BREAK);
                let value =
                    value.as_ref().map(|value| self.expression(value, !throws)).transpose()?;
                Ok(match throws {
                    true => flow::throw(value, *position),
                    false => flow::leave(value, Out::RETURN),
                })
            }
            Stmt::TryCatch(parts, _) => self.trial(parts),
            Stmt::Share(variables) => {
                let names = variables.iter().map(|(variable, _)| variable);
                Ok(super::lower_call::share(self.shared(names)))
            }
            Stmt::Import(_, position) => {
                Err(self.obstacle("`import` inside of a function", *position))
            }
            Stmt::Export(_, position) => {
                Err(self.obstacle("`export` inside of a function", *position))
            }
            other => Err(self.obstacle("a statement that is not known here", other.position())),
        }
    }

    fn body(&mut self, body: &rhai::StmtBlock) -> Lowered<Body> {
        let (before, depth) = (self.nodes, self.scope.len());
        let code = self.block(body.statements(), false)?;
        let weight = self.nodes - before + 1;
        Ok(Body { code, weight, position: body.position(), depth })
    }

    fn each_of(
        &mut self,
        name: &rhai::Ident,
        counter: Option<&rhai::Ident>,
        expr: &Expr,
        body: &rhai::StmtBlock,
    ) -> Lowered<Code> {
        let over = self.over(&name.name, expr, body)?;
        let depth = self.scope.len();
        if let Some(counter) = counter {
            self.scope.push(Some(counter.name.clone()));
        }
        self.scope.push(Some(name.name.clone()));
        let body = self.body(body);
        self.scope.truncate(depth);
        let each = For {
            body: body?,
            has_counter: counter.is_some(),
            depth,
            of: (expr.position(), expr.start_position()),
        };
        Ok(iterate::code(each, over))
    }

    /// What a loop with this variable and this body iterates over.
    fn over(&mut self, name: &str, expr: &Expr, body: &rhai::StmtBlock) -> Lowered<Over> {
        if let Some(range) = self.range(expr)? {
            return Ok(range);
        }
        let value = self.expression(expr, false)?;
        let Some((root, names)) = part::path(expr) else { return Ok(Over::Value(value)) };
        let Some(slot) = self.slot(root).filter(|_| !part::mentions(body, root)) else {
            return Ok(Over::Value(value));
        };
        let lends = part::only_reads(body, name);
        Ok(Over::Part(Part { slot, names, lends }, value))
    }

    /// A range that is written where it is iterated over.
    fn range(&mut self, expr: &Expr) -> Lowered<Option<Over>> {
        let Expr::FnCall(call, position) = expr else { return Ok(None) };
        let is_inclusive = match &call.op_token {
            Some(rhai::Token::ExclusiveRange) => false,
            Some(rhai::Token::InclusiveRange) => true,
            _ => return Ok(None),
        };
        let [from, to] = call.args.as_slice() else { return Ok(None) };
        let depth = self.scope.len();
        let from = self.expression(from, false)?;
        let to = self.above(1, |lowering| lowering.expression(to, false))?;
        let otherwise = self.interpreted_operator(call, *position, depth);
        Ok(Some(Over::Range { from, to, is_inclusive, otherwise }))
    }

    fn trial(&mut self, parts: &FlowControl) -> Lowered<Code> {
        let FlowControl { expr, body, branch } = parts;
        let depth = self.scope.len();
        self.tries += 1;
        let body = self.block(body.statements(), false);
        self.tries -= 1;
        let body = body?;
        let names_error = match expr {
            Expr::Variable(variable, ..) => {
                self.scope.push(Some(variable.1.clone()));
                true
            }
            _ => false,
        };
        let catch = self.block(branch.statements(), false);
        self.scope.truncate(depth);
        let nothing = || constant(Dynamic::UNIT);
        Ok(trial::code(Trial {
            body: body.unwrap_or_else(nothing),
            catch: catch?.unwrap_or_else(nothing),
            names_error,
            depth,
        }))
    }
}
