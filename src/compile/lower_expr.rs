//! From the syntax tree to code: expressions.

use rhai::{
    ASTFlags, BinaryExpr, Dynamic, EvalAltResult, Expr, FnCallExpr, OpAssignment, Position, Stmt,
    SwitchCasesCollection, Token,
};

use super::{
    assign::{self, OpAssign},
    builtin::Operator,
    call::constant,
    flow,
    literal::{self, Part},
    lower::{Lower, Lowered, THIS},
    native::{Interpreted, Site, operand_name, variable},
    operator::{self, Binary, Shape, Unary},
    switch::{self, Case, Switch},
    vm::{Code, Out},
};

impl Lower<'_, '_> {
    /// The code of an expression. `is_last` where the function ends with its value.
    pub(super) fn expression(&mut self, expr: &Expr, is_last: bool) -> Lowered<Code> {
        self.nodes += 1;
        match expr {
            Expr::DynamicConstant(..)
            | Expr::BoolConstant(..)
            | Expr::IntegerConstant(..)
            | Expr::FloatConstant(..)
            | Expr::CharConstant(..)
            | Expr::StringConstant(..)
            | Expr::Unit(..) => {
                let value = expr.get_literal_value(None).unwrap_or(Dynamic::UNIT);
                if let Some(closure) = value.read_lock::<rhai::FnPtr>() {
                    self.compiler.closure(closure.fn_name());
                }
                Ok(constant(value))
            }
            Expr::InterpolatedString(parts, position) => {
                let parts = parts.iter().map(|part| self.part(part)).collect::<Lowered<_>>()?;
                Ok(literal::interpolated(parts, *position))
            }
            Expr::Array(..) | Expr::Map(..) => self.literal(expr, is_last),
            Expr::Variable(.., position) => match self.local(expr) {
                Some(slot) if is_last => Ok(flow::last_use(slot)),
                Some(slot) => {
                    let position = *position;
                    Ok(Box::new(move |vm| vm.copy(slot, position)))
                }
                None => Ok(match self.global(expr) {
                    Some(value) => read_only(value),
                    None => unreadable(expr),
                }),
            },
            Expr::ThisPtr(position) => {
                let position = *position;
                Ok(match self.local(expr) {
                    Some(slot) => Box::new(move |vm| vm.copy(slot, position)),
                    None => unbound(position),
                })
            }
            Expr::Stmt(block) => {
                let code = self.block(block.statements(), is_last)?;
                Ok(code.unwrap_or_else(|| constant(Dynamic::UNIT)))
            }
            Expr::FnCall(call, position) => self.call(call, *position),
            Expr::Dot(..) | Expr::Index(..) => self.chain(expr),
            Expr::And(parts, _) => Ok(flow::logical(self.parts(parts)?, false)),
            Expr::Or(parts, _) => Ok(flow::logical(self.parts(parts)?, true)),
            Expr::Coalesce(parts, _) => {
                let parts = parts.iter().map(|part| self.expression(part, false));
                Ok(flow::coalesce(parts.collect::<Lowered<_>>()?))
            }
            Expr::Custom(_, position) => Err(self.obstacle("custom syntax", *position)),
            other => Err(self.obstacle("an expression that is not known here", other.position())),
        }
    }

    /// The code of a value that a variable is to have, and that may be changed there.
    pub(super) fn writable(&mut self, expr: &Expr) -> Lowered<Code> {
        if matches!(expr, Expr::Variable(..))
            && self.local(expr).is_none()
            && let Some(value) = self.global(expr)
        {
            return Ok(constant(value));
        }
        self.expression(expr, false)
    }

    /// The code of a condition. A variable that closures share is handed on as it is: where it is no
    /// truth, Rhai names the type of what it is shared by.
    pub(super) fn condition(&mut self, expr: &Expr) -> Lowered<Code> {
        match expr {
            Expr::Variable(.., position) | Expr::ThisPtr(position)
                if let Some(slot) = self.local(expr) =>
            {
                self.nodes += 1;
                let position = *position;
                Ok(Box::new(move |vm| vm.as_is(slot, position)))
            }
            Expr::Coalesce(parts, _) => {
                self.nodes += 1;
                let parts = parts.iter().map(|part| self.condition(part));
                Ok(flow::coalesce(parts.collect::<Lowered<_>>()?))
            }
            _ => self.expression(expr, false),
        }
    }

    fn parts(&mut self, parts: &[Expr]) -> Lowered<Vec<(Code, Position)>> {
        parts.iter().map(|part| Ok((self.condition(part)?, part.position()))).collect()
    }

    /// The place of a variable of the function.
    pub(super) fn local(&self, expr: &Expr) -> Option<usize> {
        match expr {
            Expr::Variable(variable, ..) if variable.2.is_empty() => self.slot(&variable.1),
            Expr::ThisPtr(_) => self.slot(THIS),
            _ => None,
        }
    }

    /// The value of a variable that the function does not have; `None` if nobody has it.
    pub(super) fn global(&mut self, expr: &Expr) -> Option<Dynamic> {
        let value = self.compiler.value_of(expr).ok()?;
        self.compiler.closures_in(&value, 0);
        Some(value)
    }

    fn part(&mut self, part: &Expr) -> Lowered<Part> {
        if let Expr::StringConstant(text, _) = part {
            return Ok(Part::Text(text.clone()));
        }
        let name = operand_name(0);
        let operand = variable(name.clone(), part.position());
        let node = Expr::InterpolatedString([operand].into_iter().collect(), part.position());
        let interpreted = Interpreted::new(Stmt::Expr(Box::new(node)), vec![name]);
        let site = Site::new(rhai::FUNC_TO_STRING.into(), part.position(), interpreted);
        Ok(Part::Value(self.expression(part, false)?, Box::new(site)))
    }

    pub(super) fn shape(&mut self, expr: &Expr) -> Lowered<Shape> {
        if let Expr::IntegerConstant(value, _) = expr {
            self.nodes += 1;
            return Ok(Shape::Int(*value));
        }
        if let Some(slot) = self.local(expr) {
            self.nodes += 1;
            return Ok(Shape::Local(slot));
        }
        Ok(Shape::Code(self.expression(expr, false)?))
    }

    /// An operator, if the call is one.
    pub(super) fn operator(
        &mut self,
        call: &FnCallExpr,
        position: Position,
    ) -> Lowered<Option<Code>> {
        let Some(token) = &call.op_token else { return Ok(None) };
        match call.args.as_slice() {
            [x] => {
                let site = self.site(call, position);
                let (inverts, negates) =
                    (*token == Token::Bang, matches!(token, Token::Minus | Token::UnaryMinus));
                let x = self.expression(x, false)?;
                Ok(Some(operator::unary(x, Unary { negates, inverts, site })))
            }
            [x, y] => {
                let site = self.site(call, position);
                let rest = Binary { operator: Operator::of(token), site, position };
                let x = self.shape(x)?;
                // The left side may wait in a register only, so it takes no place on the stack.
                let y = self.shape(y)?;
                Ok(Some(operator::binary(x, y, rest)))
            }
            _ => Ok(None),
        }
    }

    /// The call with variables for its operands.
    pub(super) fn with_operands(&self, call: &FnCallExpr, position: Position) -> Interpreted {
        let names: Vec<_> = (0..call.args.len()).map(operand_name).collect();
        let mut call = call.clone();
        for (argument, name) in call.args.iter_mut().zip(&names) {
            // Rhai knows best what may be done to a value of the surroundings.
            if !matches!(argument, Expr::Variable(..)) || self.local(argument).is_some() {
                *argument = variable(name.clone(), argument.start_position());
            }
        }
        let node = Expr::FnCall(Box::new(call), position);
        Interpreted::new(Stmt::Expr(Box::new(node)), names)
    }

    pub(super) fn site(&self, call: &FnCallExpr, position: Position) -> Site {
        Site::new(call.name.clone(), position, self.with_operands(call, position))
    }

    /// An operator on the values of two variables, left to Rhai.
    pub(super) fn interpreted_operator(
        &self,
        call: &FnCallExpr,
        position: Position,
        depth: usize,
    ) -> Code {
        let node = self.with_operands(call, position);
        literal::interpreted(
            node,
            vec![Box::new(move |vm| vm.load(depth)), Box::new(move |vm| vm.load(depth + 1))],
        )
    }

    pub(super) fn op_assign(
        op: &OpAssignment,
        name: rhai::ImmutableString,
        at: Position,
    ) -> Option<OpAssign> {
        let (_, _, _, _, token, _) = op.get_op_assignment_info()?;
        let names = vec![name, operand_name(1)];
        let sides = BinaryExpr {
            lhs: variable(names.first().cloned().unwrap_or_default(), at),
            rhs: variable(operand_name(1), op.position()),
        };
        let statement = Stmt::Assignment(Box::new((op.clone(), sides)));
        let interpreted = Interpreted::new(statement, names);
        Some(OpAssign { operator: Operator::of(token), interpreted })
    }

    pub(super) fn assignment(
        &mut self,
        op: &OpAssignment,
        to: &Expr,
        value: &Expr,
    ) -> Lowered<Code> {
        self.nodes += 1;
        match to {
            Expr::Variable(variable, _, position) => {
                let Some(slot) = self.local(to) else {
                    return self.assign_nothing(to, variable.1.to_string(), value, *position);
                };
                let Some(assign) = Self::op_assign(op, variable.1.clone(), *position) else {
                    return Ok(assign::variable(slot, self.writable(value)?));
                };
                let is_plain =
                    matches!(value, Expr::IntegerConstant(..)) || self.local(value).is_some();
                let value = match is_plain {
                    true => self.shape(value)?,
                    false => Shape::Code(self.writable(value)?),
                };
                Ok(assign::change(slot, value, assign, op.position()))
            }
            Expr::ThisPtr(position) => {
                let Some(slot) = self.local(to) else { return Ok(unbound(*position)) };
                // Rhai knows no name for it where it may not be changed.
                let name = rhai::ImmutableString::new();
                let Some(assign) = Self::op_assign(op, name, *position) else {
                    return Ok(assign::this(slot, self.writable(value)?, *position));
                };
                let value = Shape::Code(self.writable(value)?);
                Ok(assign::change(slot, value, assign, op.position()))
            }
            Expr::Dot(..) | Expr::Index(..) => self.assign_chain(op, to, value),
            other => Err(self.obstacle("an assignment that is not known here", other.position())),
        }
    }

    /// An assignment to what is no variable of the function, which fails when it has its value.
    fn assign_nothing(
        &mut self,
        to: &Expr,
        name: String,
        value: &Expr,
        position: Position,
    ) -> Lowered<Code> {
        let there_is = match self.global(to) {
            Some(value) if value.is_shared() => {
                return Err(self.obstacle("an assignment to a shared value", position));
            }
            Some(_) => true,
            None => false,
        };
        let fails = unreadable(to);
        let value = self.writable(value)?;
        Ok(Box::new(move |vm| {
            let out = value(vm);
            if out.stops() {
                return out;
            }
            match there_is {
                true => vm.fail(EvalAltResult::ErrorAssignmentToConstant(name.clone(), position)),
                false => fails(vm),
            }
        }))
    }

    pub(super) fn switch(
        &mut self,
        value: &Expr,
        cases: &SwitchCasesCollection,
        position: Position,
        is_last: bool,
    ) -> Lowered<Code> {
        let value = self.expression(value, false)?;
        let mut lowered = Vec::with_capacity(cases.expressions.len());
        for case in &cases.expressions {
            let condition = match &case.lhs {
                Expr::BoolConstant(true, _) => None,
                condition => Some((self.condition(condition)?, condition.position())),
            };
            lowered.push(Case { condition, value: self.expression(&case.rhs, is_last)? });
        }
        let (mut pick, mut groups) = (cases.clone(), Vec::new());
        pick.expressions.clear();
        pick.ranges.clear();
        let number = |number: usize| BinaryExpr {
            lhs: Expr::BoolConstant(true, position),
            rhs: Expr::IntegerConstant(i64::try_from(number).unwrap_or(-1), position),
        };
        for list in pick.cases.values_mut() {
            pick.expressions.push(number(groups.len()));
            groups.push(list.blocks.to_vec());
            list.blocks.clear();
            list.blocks.push(groups.len() - 1);
        }
        pick.def_case = None;
        let name = operand_name(0);
        let node = Stmt::Switch(Box::new((variable(name.clone(), position), pick)), position);
        Ok(switch::code(Switch {
            value,
            pick: Interpreted::new(node, vec![name]),
            groups,
            ranges: cases.ranges.to_vec(),
            cases: lowered,
            otherwise: cases.def_case,
        }))
    }
}

/// A value of the surroundings: a copy that Rhai would not let be changed.
fn read_only(value: Dynamic) -> Code {
    if super::vm::scalar(&value).is_some() {
        return constant(value);
    }
    Box::new(move |vm| {
        vm.acc = value.clone().into_read_only();
        Out::ANY
    })
}

/// `this` where there is none.
pub(super) fn unbound(position: Position) -> Code {
    Box::new(move |vm| vm.fail(EvalAltResult::ErrorUnboundThis(position)))
}

/// A variable that there is not: Rhai says so.
fn unreadable(expr: &Expr) -> Code {
    let node = Stmt::Expr(Box::new(expr.clone()));
    literal::interpreted(Interpreted::new(node, Vec::new()), Vec::new())
}

/// Whether a step is written with `?`.
pub(super) fn is_optional(flags: ASTFlags) -> bool {
    flags.intersects(ASTFlags::NEGATED)
}
