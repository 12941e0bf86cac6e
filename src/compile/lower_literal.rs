//! From the syntax tree to code: arrays and maps.

use rhai::{ASTNode, Expr};

use super::{
    literal,
    lower::{Lower, Lowered},
    vm::Code,
};

impl Lower<'_, '_> {
    /// The code of an array or of a map. `is_last` where the function ends with it.
    pub(super) fn literal(&mut self, expr: &Expr, is_last: bool) -> Lowered<Code> {
        match expr {
            Expr::Array(items, position) => {
                let items = self.values(&items.iter().collect::<Vec<_>>(), is_last)?;
                Ok(literal::array(items, *position))
            }
            Expr::Map(parts, position) => {
                let (entries, template) = &**parts;
                let place = |key: &str| entries.iter().position(|(name, _)| name.name == key);
                let order: Option<Vec<usize>> = template.keys().map(|key| place(key)).collect();
                let order = order
                    .ok_or_else(|| self.obstacle("a map that is not known here", *position))?;
                let values: Vec<&Expr> = entries.iter().map(|(_, value)| value).collect();
                let values = self.values(&values, is_last)?;
                Ok(literal::map(template.clone(), order, values, *position))
            }
            other => self.expression(other, is_last),
        }
    }

    /// The values of an array or of a map. Where the function ends with it, a variable that none of the later
    /// values reads is read for the last time, and its value moves; not where a later value may fail and that is
    /// caught.
    fn values(&mut self, values: &[&Expr], is_last: bool) -> Lowered<Vec<Code>> {
        let mut codes = Vec::with_capacity(values.len());
        let mut rest = values;
        while let Some((value, later)) = rest.split_first() {
            let moves = match value {
                Expr::Variable(variable, ..) => {
                    is_last
                        && self.tries == 0
                        && !later.iter().any(|later| mentions(later, &variable.1))
                }
                _ => false,
            };
            codes.push(self.expression(value, moves)?);
            rest = later;
        }
        Ok(codes)
    }
}

/// Whether a variable of that name is read in an expression.
fn mentions(expr: &Expr, name: &str) -> bool {
    let mut found = false;
    expr.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::Variable(variable, ..))) = path.last() {
            found |= variable.1 == name;
        }
        !found
    });
    found
}
