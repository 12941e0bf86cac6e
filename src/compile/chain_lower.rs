//! From the syntax tree to code: chains.
//!
//! Rhai nests a chain to the right. Here it is a list of steps, and what is left to Rhai is nested again,
//! with variables for the root and for the operands.

use rhai::{ASTFlags, BinaryExpr, Expr, FnCallExpr, ImmutableString, OpAssignment, Position, Stmt};

use super::{
    assign::{self, Assignment},
    call::constant,
    chain::{Chain, Root, Step, StepKind},
    chain_short, literal,
    lower::{Lower, Lowered},
    lower_expr::{is_optional, unbound},
    native::{Interpreted, Site, operand_name, variable},
    peek,
    vm::Code,
};

/// A step as the syntax tree has it.
#[derive(Clone, Copy)]
pub(super) struct Link<'e> {
    pub(super) is_index: bool,
    pub(super) flags: ASTFlags,
    pub(super) position: Position,
    /// A property, a method call or an index.
    pub(super) item: &'e Expr,
}

/// The root of a chain and its steps.
fn links(expr: &Expr) -> (&Expr, Vec<Link<'_>>) {
    let mut links = Vec::new();
    let mut root = None;
    let mut next = Some(expr);
    while let Some(expr) = next.take() {
        let (is_index, sides, flags, position) = match expr {
            Expr::Index(sides, flags, position) => (true, sides, *flags, *position),
            Expr::Dot(sides, flags, position) => (false, sides, *flags, *position),
            _ => break,
        };
        root.get_or_insert(&sides.lhs);
        let goes_on = match &sides.rhs {
            Expr::Dot(..) | Expr::Index(..) => !is_index || !flags.intersects(ASTFlags::BREAK),
            _ => false,
        };
        let item = match &sides.rhs {
            Expr::Dot(inner, ..) | Expr::Index(inner, ..) if goes_on => &inner.lhs,
            item => item,
        };
        links.push(Link { is_index, flags, position, item });
        next = goes_on.then_some(&sides.rhs);
    }
    (root.unwrap_or(expr), links)
}

/// A chain, nested again.
fn nested(root: Expr, links: &[Link<'_>], items: &[Expr]) -> Expr {
    fn rest(links: &[Link<'_>], items: &[Expr]) -> Expr {
        let (Some((item, items)), Some((_, links))) = (items.split_first(), links.split_first())
        else {
            return Expr::Unit(Position::NONE);
        };
        if items.is_empty() { item.clone() } else { nested(item.clone(), links, items) }
    }
    let Some(link) = links.first() else { return root };
    let mut flags = link.flags;
    flags.set(ASTFlags::BREAK, links.len() == 1);
    let sides = Box::new(BinaryExpr { lhs: root, rhs: rest(links, items) });
    match link.is_index {
        true => Expr::Index(sides, flags, link.position),
        false => Expr::Dot(sides, flags, link.position),
    }
}

/// A chain on its way.
struct Draft<'e> {
    links: Vec<Link<'e>>,
    /// The steps with variables for their operands.
    items: Vec<Expr>,
    /// The operands in the order in which they are evaluated.
    operands: Vec<&'e Expr>,
}

impl<'e> Draft<'e> {
    fn new(links: Vec<Link<'e>>) -> Self {
        let (mut items, mut operands) = (Vec::new(), Vec::new());
        for link in &links {
            items.push(match link.item {
                Expr::MethodCall(call, position) => {
                    let mut call = (**call).clone();
                    for argument in &mut call.args {
                        let at = argument.start_position();
                        *argument = Self::operand(operands.len(), at);
                        operands.push(());
                    }
                    Expr::MethodCall(Box::new(call), *position)
                }
                index if link.is_index => {
                    operands.push(());
                    Self::operand(operands.len() - 1, index.start_position())
                }
                property => property.clone(),
            });
        }
        let given = links.iter().flat_map(|link| match link.item {
            Expr::MethodCall(call, _) => call.args.iter().collect::<Vec<_>>(),
            index if link.is_index => vec![index],
            _ => Vec::new(),
        });
        let operands = given.collect();
        Self { links, items, operands }
    }

    /// The variable of an operand; the root has number 0.
    fn operand(index: usize, position: Position) -> Expr {
        variable(operand_name(index + 1), position)
    }

    fn names(&self, root: ImmutableString) -> Vec<ImmutableString> {
        let operands = (0..self.operands.len()).map(|index| operand_name(index + 1));
        std::iter::once(root).chain(operands).collect()
    }

    /// The chain from a step on.
    fn from(&self, step: usize, root: &ImmutableString, position: Position) -> Expr {
        let links = self.links.get(step..).unwrap_or_default();
        let items = self.items.get(step..).unwrap_or_default();
        nested(variable(root.clone(), position), links, items)
    }
}

impl Lower<'_, '_> {
    /// The code of a chain that is read.
    pub(super) fn chain(&mut self, expr: &Expr) -> Lowered<Code> {
        let (root, links) = links(expr);
        if let Some(code) = self.closure_chain(root, &links)? {
            return Ok(code);
        }
        let chain = self.chain_of(root, links, expr.position())?;
        Ok(chain_short::code(chain))
    }

    /// A chain as Rhai walks it.
    pub(super) fn chain_of(
        &mut self,
        root: &Expr,
        links: Vec<Link<'_>>,
        position: Position,
    ) -> Lowered<Chain> {
        let draft = Draft::new(links);
        let operands = self.all(draft.operands.iter().copied())?;
        let name = match root {
            Expr::Variable(variable, ..) if variable.2.is_empty() => variable.1.clone(),
            _ => operand_name(0),
        };
        let lowered = match self.local(root) {
            Some(slot) => Root::Local(slot),
            None => match root {
                Expr::Variable(..) if let Some(value) = self.global(root) => {
                    Root::Constant(Box::new(value))
                }
                _ => Root::Code(self.expression(root, false)?),
            },
        };
        let interpreted = Interpreted::new(
            Stmt::Expr(Box::new(draft.from(0, &name, root.start_position()))),
            draft.names(name),
        );
        let steps = self.steps(&draft);
        let lent = peek::lent(&steps);
        Ok(Chain { root: lowered, operands, steps, lent, interpreted, position })
    }

    fn steps(&mut self, draft: &Draft<'_>) -> Vec<Step> {
        let mut operand = 0;
        let mut is_after_method = false;
        let mut steps = Vec::with_capacity(draft.links.len());
        for (number, link) in draft.links.iter().enumerate() {
            self.nodes += 1;
            let rest = is_after_method.then(|| {
                let name = operand_name(0);
                let node = draft.from(number, &name, link.position);
                Interpreted::new(Stmt::Expr(Box::new(node)), draft.names(name))
            });
            let kind = match link.item {
                Expr::MethodCall(call, position) => {
                    let range = operand..operand + call.args.len();
                    operand = range.end;
                    is_after_method = true;
                    self.method(call, *position, range, draft.items.get(number), link)
                }
                Expr::Property(property, position) if !link.is_index => StepKind::Property {
                    name: property.2.as_str().into(),
                    getter: Box::new(Self::getter(property, *position, link)),
                },
                index => {
                    operand += 1;
                    let indexer = Self::indexer(index.start_position(), link);
                    StepKind::Index { operand: operand - 1, indexer: Box::new(indexer) }
                }
            };
            steps.push(Step { kind, is_optional: is_optional(link.flags), rest });
        }
        steps
    }

    fn method(
        &mut self,
        call: &FnCallExpr,
        position: Position,
        operands: std::ops::Range<usize>,
        item: Option<&Expr>,
        link: &Link<'_>,
    ) -> StepKind {
        let special = ["call", "curry", "is_shared", "type_of", "exit", "print", "debug"];
        let is_special = special.contains(&call.name.as_str());
        let scripts = self.compiler.methods(&call.name, call.args.len(), position);
        let names = std::iter::once(operand_name(0))
            .chain(operands.clone().map(|operand| operand_name(operand + 1)))
            .collect();
        let alone = Link {
            is_index: false,
            flags: ASTFlags::empty(),
            position: link.position,
            item: link.item,
        };
        let items: Vec<Expr> = item.cloned().into_iter().collect();
        let node = nested(variable(operand_name(0), position), &[alone], &items);
        let interpreted = Interpreted::new(Stmt::Expr(Box::new(node)), names);
        let site = Box::new(Site::new(call.name.clone(), position, interpreted));
        StepKind::Method { name: call.name.as_str().into(), operands, site, is_special, scripts }
    }

    fn getter(
        property: &((ImmutableString, u64), (ImmutableString, u64), ImmutableString),
        position: Position,
        link: &Link<'_>,
    ) -> Site {
        let name = operand_name(0);
        let alone = Link {
            is_index: false,
            flags: ASTFlags::empty(),
            position: link.position,
            item: link.item,
        };
        let root = variable(name.clone(), position);
        let node = nested(root, &[alone], std::slice::from_ref(link.item));
        let interpreted = Interpreted::new(Stmt::Expr(Box::new(node)), vec![name]);
        Site::new(property.0.0.clone(), position, interpreted)
    }

    fn indexer(position: Position, link: &Link<'_>) -> Site {
        let names = vec![operand_name(0), operand_name(1)];
        let alone = Link {
            is_index: true,
            flags: ASTFlags::empty(),
            position: link.position,
            item: link.item,
        };
        let root = variable(operand_name(0), position);
        let node = nested(root, &[alone], &[variable(operand_name(1), position)]);
        let interpreted = Interpreted::new(Stmt::Expr(Box::new(node)), names);
        Site::new("index$get$".into(), link.position, interpreted)
    }

    /// The code of an assignment to what is in a variable.
    pub(super) fn assign_chain(
        &mut self,
        op: &OpAssignment,
        to: &Expr,
        value: &Expr,
    ) -> Lowered<Code> {
        let (root, links) = links(to);
        let draft = Draft::new(links);
        let value = self.writable(value)?;
        let operands = self.all(draft.operands.iter().copied())?;
        let name = match root {
            Expr::Variable(variable, ..) => variable.1.clone(),
            _ => ImmutableString::new(),
        };
        let of_value = operand_name(draft.operands.len() + 1);
        let position = op.position();
        let statement = |lhs| {
            let sides = BinaryExpr { lhs, rhs: variable(of_value.clone(), position) };
            Stmt::Assignment(Box::new((op.clone(), sides)))
        };
        if let (Expr::ThisPtr(position), None) = (root, self.local(root)) {
            let fails = unbound(*position);
            let all = std::iter::once(value).chain(operands).chain([fails]).collect();
            return Ok(literal::array(all, *position));
        }
        let Some(slot) = self.local(root) else {
            // A value of the surroundings, of which Rhai changes a copy.
            let statement = statement(nested(root.clone(), &draft.links, &draft.items));
            let names = draft.names(operand_name(0)).into_iter().chain([of_value]).collect();
            let nothing = constant(rhai::Dynamic::UNIT);
            let operands = std::iter::once(nothing).chain(operands).chain([value]).collect();
            return Ok(literal::interpreted(Interpreted::new(statement, names), operands));
        };
        let statement = statement(draft.from(0, &name, root.start_position()));
        let names = draft.names(name.clone()).into_iter().chain([of_value]).collect();
        let steps = self.steps(&draft);
        Ok(assign::chain(Assignment {
            slot,
            operands,
            steps,
            value,
            op: Self::op_assign(op, name, position),
            interpreted: Interpreted::new(statement, names),
            position,
        }))
    }
}
