//! `for` over what is in a variable, without a copy of it.
//!
//! Rhai iterates over a copy of the array. Where the body cannot see the variable, the array itself is
//! taken out of it for the time of the loop; and where the body only reads the item, so is each item.

use rhai::{ASTFlags, ASTNode, Array, Dynamic, Expr, Identifier, Stmt, StmtBlock};

use super::{
    flow::Turn,
    iterate::For,
    vm::{Out, Vm, scalar},
};

/// What is iterated over.
pub(super) struct Part {
    pub(super) slot: usize,
    pub(super) names: Vec<Identifier>,
    /// Whether the body only reads the item.
    pub(super) lends: bool,
}

/// Does something with what is in a value by its names.
fn with(value: &mut Dynamic, names: &[Identifier], work: &mut dyn FnMut(&mut Dynamic)) {
    let Some((name, names)) = names.split_first() else { return work(value) };
    if value.is_shared() || !value.is_map() {
        return;
    }
    if let Ok(mut map) = value.as_map_mut()
        && let Some(item) = map.get_mut(name)
    {
        with(item, names, work);
    }
}

impl Part {
    /// Runs the loop; `None` if it is no array that could be taken.
    pub(super) fn run(&self, vm: &mut Vm<'_>, each: &For) -> Option<Out> {
        let mut taken = None;
        with(vm.place(self.slot), &self.names, &mut |value| {
            if value.is_array() && !value.is_shared() && !value.is_read_only() {
                let tag = value.tag();
                taken = std::mem::take(value).into_array().ok().map(|items| (items, tag));
            }
        });
        let (mut items, tag) = taken?;
        let out = self.each(vm, each, &mut items);
        let mut back = Some(items);
        with(vm.place(self.slot), &self.names, &mut |value| {
            *value = Dynamic::from_array(back.take().unwrap_or_default());
            value.set_tag(tag);
        });
        Some(out)
    }

    fn each(&self, vm: &mut Vm<'_>, each: &For, items: &mut Array) -> Out {
        each.enter(vm);
        let mut out = Out::UNIT;
        for (index, item) in (0..).zip(items.iter_mut()) {
            let lends = self.lends && !item.is_shared() && scalar(item).is_none();
            let value = if lends { std::mem::take(item) } else { item.flatten_clone() };
            let turn = each.turn(vm, index, value);
            if lends {
                *item = std::mem::take(vm.place(each.slot()));
            }
            if let Turn::Left(left) = turn {
                out = left;
                break;
            }
        }
        vm.leave(each.depth);
        out
    }
}

/// The variable and the names in it that an expression such as `a.b.c` means.
pub(super) fn path(expr: &Expr) -> Option<(&str, Vec<Identifier>)> {
    let mut names = Vec::new();
    let mut expr = expr;
    let mut root = None;
    loop {
        let Expr::Dot(sides, flags, _) = expr else { return None };
        if flags.intersects(ASTFlags::NEGATED) {
            return None;
        }
        if root.is_none() {
            let Expr::Variable(variable, ..) = &sides.lhs else { return None };
            if !variable.2.is_empty() {
                return None;
            }
            root = Some(variable.1.as_str());
        }
        match &sides.rhs {
            Expr::Property(property, _) => {
                names.push(property.2.as_str().into());
                return root.map(|root| (root, names));
            }
            next @ Expr::Dot(inner, ..) => {
                let Expr::Property(property, _) = &inner.lhs else { return None };
                names.push(property.2.as_str().into());
                expr = next;
            }
            _ => return None,
        }
    }
}

/// Whether the body of a loop names a variable.
pub(super) fn mentions(body: &StmtBlock, name: &str) -> bool {
    !every_use(body, name, &mut |_, _| false)
}

/// Whether the body of a loop does nothing with a variable but to read it in chains without calls, in
/// operators and between other text.
pub(super) fn only_reads(body: &StmtBlock, name: &str) -> bool {
    every_use(body, name, &mut |above, parent| match parent {
        ASTNode::Expr(Expr::FnCall(call, _)) => call.op_token.is_some(),
        ASTNode::Expr(chain @ (Expr::Dot(sides, ..) | Expr::Index(sides, ..))) => {
            let is_assigned = matches!(
                above,
                Some(ASTNode::Stmt(Stmt::Assignment(assignment)))
                    if std::ptr::eq(&raw const assignment.1.lhs, std::ptr::from_ref(*chain))
            );
            !is_assigned && is_root(&sides.lhs, name) && !calls(chain)
        }
        ASTNode::Expr(Expr::InterpolatedString(..)) => true,
        _ => false,
    })
}

fn is_root(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Variable(variable, ..) if variable.1 == name)
}

/// Whether there is a method call or anything else but names and indices in a chain.
fn calls(chain: &Expr) -> bool {
    let mut found = false;
    chain.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
        found |= matches!(
            path.last(),
            Some(ASTNode::Expr(Expr::MethodCall(..) | Expr::FnCall(..) | Expr::Stmt(..)))
        );
        true
    });
    found
}

/// Whether all uses of a variable are good ones, by what stands above and around each.
fn every_use(
    body: &StmtBlock,
    name: &str,
    good: &mut dyn FnMut(Option<&ASTNode<'_>>, &ASTNode<'_>) -> bool,
) -> bool {
    let mut all = true;
    for statement in body.iter() {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
            match path {
                [.., parent, ASTNode::Expr(Expr::Variable(variable, ..))] if variable.1 == name => {
                    let above = path.len().checked_sub(3).and_then(|at| path.get(at));
                    all &= good(above, parent);
                }
                [ASTNode::Expr(Expr::Variable(variable, ..))] if variable.1 == name => all = false,
                [.., ASTNode::Stmt(Stmt::Share(variables))] => {
                    all &= !variables.iter().any(|(variable, _)| variable.name == name);
                }
                _ => {}
            }
            true
        });
    }
    all
}
