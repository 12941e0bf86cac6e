//! From the syntax tree to code: chains in which closures are called.

use rhai::{ASTFlags, Expr, FnCallExpr, Position, Stmt};

use super::{
    chain::{Chain, Root},
    chain_lower::Link,
    chain_short,
    closures::{self, EachItem, Method},
    lower::{Lower, Lowered},
    native::variable,
    vm::Code,
};

/// The name of a value that stands where a variable would.
const VALUE: &str = "$value";

/// A closure as it is written: evaluating it does nothing that can be seen.
fn is_closure(expr: &Expr) -> bool {
    match expr {
        Expr::DynamicConstant(value, _) => value.is::<rhai::FnPtr>(),
        Expr::Stmt(block) => matches!(
            block.statements(),
            [Stmt::Share(_), Stmt::Expr(last)]
                if matches!(&**last, Expr::FnCall(call, _) if call.name == "curry")
        ),
        _ => false,
    }
}

/// Whether evaluating it earlier or later makes no difference.
fn is_still(expr: &Expr) -> bool {
    is_closure(expr) || expr.is_constant()
}

/// The method call that a step is, and the method that is known for it.
fn each_item<'e>(link: &Link<'e>) -> Option<(Method, &'e FnCallExpr, Position)> {
    let Expr::MethodCall(call, position) = link.item else { return None };
    let method = Method::named(&call.name)?;
    let most = if method == Method::Reduce { 2 } else { 1 };
    let is_one = call.args.first().is_some_and(is_closure)
        && call.args.len() <= most
        && call.args.iter().all(is_still)
        && !link.flags.intersects(ASTFlags::NEGATED);
    is_one.then_some((method, call, *position))
}

impl Lower<'_, '_> {
    /// The code of a chain that calls a compiled closure, if it is one.
    pub(super) fn closure_chain(
        &mut self,
        root: &Expr,
        links: &[Link<'_>],
    ) -> Lowered<Option<Code>> {
        if let ([link], Some(slot)) = (links, self.local(root))
            && let Expr::MethodCall(call, position) = link.item
            && call.name == "call"
            && !self.compiler.may_be_method("call", call.args.len(), *position)
        {
            let chain = self.chain_of(root, vec![*link], link.position)?;
            return Ok(Some(closures::call(slot, chain, *position)));
        }
        let found = links.iter().rposition(|link| each_item(link).is_some());
        let Some(at) = found else { return Ok(None) };
        let (Some((before, rest)), Some(link)) = (links.split_at_checked(at), links.get(at)) else {
            return Ok(None);
        };
        let after = rest.get(1..).unwrap_or_default();
        let stays = |link: &Link<'_>| match link.item {
            Expr::MethodCall(call, _) => call.args.iter().all(is_still),
            index if link.is_index => index.is_constant(),
            _ => true,
        };
        if !after.iter().all(stays) {
            return Ok(None);
        }
        let Some((method, call, position)) = each_item(link) else { return Ok(None) };
        if self.compiler.may_be_method(&call.name, call.args.len(), position) {
            return Ok(None);
        }
        let Some(each) = self.each_of_chain(root, before, link, (method, position))? else {
            return Ok(None);
        };
        if after.is_empty() {
            return Ok(Some(each));
        }
        // What follows begins at a value.
        let (chain, _) = self.chain_at_value(after)?;
        let chain = Chain { root: Root::Code(each), ..chain };
        Ok(Some(chain_short::code(chain)))
    }

    /// A chain of steps on a value that stands where the next variable would.
    fn chain_at_value(&mut self, links: &[Link<'_>]) -> Lowered<(Chain, usize)> {
        let slot = self.scope.len();
        self.scope.push(Some(VALUE.into()));
        let root = variable(VALUE.into(), Position::NONE);
        let position = links.first().map_or(Position::NONE, |link| link.position);
        let chain = self.chain_of(&root, links.to_vec(), position);
        self.scope.truncate(slot);
        Ok((chain?, slot))
    }

    fn each_of_chain(
        &mut self,
        root: &Expr,
        before: &[Link<'_>],
        link: &Link<'_>,
        (method, position): (Method, Position),
    ) -> Lowered<Option<Code>> {
        let only_names =
            before.iter().all(|link| matches!(link.item, Expr::Property(..)) && !link.is_index);
        if let Some(slot) = self.local(root)
            && only_names
        {
            let links = before.iter().chain([link]).copied().collect();
            let chain = self.chain_of(root, links, link.position)?;
            let steps = self.chain_of(root, before.to_vec(), link.position)?.steps;
            let each = EachItem { method, slot, steps, receiver: None, chain, position };
            return Ok(Some(closures::each_item(each)));
        }
        // A getter on the way would be told of what a method changed.
        let is_method = |link: &Link<'_>| matches!(link.item, Expr::MethodCall(..));
        let is_plain = matches!(root, Expr::FnCall(..) | Expr::Array(..))
            || (self.local(root).is_some() && !before.is_empty());
        if !is_plain || !before.iter().all(is_method) {
            return Ok(None);
        }
        let receiver = match before {
            [] => self.expression(root, false)?,
            before => match self.closure_chain(root, before)? {
                Some(code) => code,
                None => chain_short::code(self.chain_of(root, before.to_vec(), link.position)?),
            },
        };
        let (chain, slot) = self.chain_at_value(std::slice::from_ref(link))?;
        let each =
            EachItem { method, slot, steps: Vec::new(), receiver: Some(receiver), chain, position };
        Ok(Some(closures::each_item(each)))
    }
}
