//! Operators as code, one for each shape that operands have.

use rhai::{Dynamic, INT, Position};

use super::{
    builtin::{self, Operator},
    native::{First, Site},
    vm::{Code, Kind, Out, Vm, int_of},
};

/// An operand, as far as it is known when a script is loaded.
pub(super) enum Shape {
    /// A variable, by its place.
    Local(usize),
    /// A number in the text.
    Int(INT),
    /// Anything else.
    Code(Code),
}

/// An operator on any two values.
pub(super) struct Binary {
    pub(super) operator: Operator,
    pub(super) site: Site,
    pub(super) position: Position,
}

impl Binary {
    /// The operator on values that are not both integers, or not in its reach.
    #[inline(never)]
    fn run(&self, vm: &mut Vm<'_>, mut x: Dynamic, mut y: Dynamic) -> Out {
        // Of variables that are constant or shared.
        if let (Some(a), Some(b)) = (int_of(&x), int_of(&y))
            && let Some(out) = builtin::integers(self.operator, a, b)
        {
            return out;
        }
        if self.operator == Operator::Plus && !vm.spend_memory(self.position) {
            return Out::FAIL;
        }
        if let Some(value) = builtin::binary(self.operator, &x, &y) {
            return vm.give(value);
        }
        match self.site.call(&mut vm.host, First::Own, &mut [&mut x, &mut y]) {
            Ok(value) => vm.give(value),
            Err(error) => vm.fail(error),
        }
    }

    /// The same on what two nodes handed on.
    #[inline(never)]
    fn run_outs(&self, vm: &mut Vm<'_>, x: Out, y: Out) -> Out {
        if x.stops() {
            return x;
        }
        let x = vm.value(x);
        if y.stops() {
            return y;
        }
        let y = vm.value(y);
        self.run(vm, x, y)
    }

    /// The same on a variable and what a node handed on.
    #[inline(never)]
    fn run_with_local(&self, vm: &mut Vm<'_>, x: usize, y: Out) -> Out {
        let x = vm.load(x);
        self.run_outs(vm, x, y)
    }

    /// The same the other way round.
    #[inline(never)]
    fn run_on_local(&self, vm: &mut Vm<'_>, x: Out, y: usize) -> Out {
        if x.stops() {
            return x;
        }
        let x = vm.value(x);
        let y = vm.load(y);
        let y = vm.value(y);
        self.run(vm, x, y)
    }

    /// The same on two variables.
    #[inline(never)]
    fn run_on_locals(&self, vm: &mut Vm<'_>, x: usize, y: usize) -> Out {
        let x = vm.load(x);
        self.run_on_local(vm, x, y)
    }

    /// The same on a value that is none of a register, before the right side has run.
    #[inline(never)]
    fn run_before(&self, vm: &mut Vm<'_>, x: Out, y: &Code) -> Out {
        if x.stops() {
            return x;
        }
        let x = vm.value(x);
        let y = y(vm);
        if y.stops() {
            return y;
        }
        let y = vm.value(y);
        self.run(vm, x, y)
    }
}

/// The code of an operator. `fast` is what it makes of integers, where that is one or a truth.
///
/// What is seldom done is done in functions of its own, so that the rest needs few registers.
pub(super) fn code<F>(x: Shape, y: Shape, rest: Binary, fast: F) -> Code
where
    F: Fn(INT, INT) -> Option<Out> + Send + Sync + 'static,
{
    match (x, y) {
        (Shape::Local(x), Shape::Int(b)) => Box::new(move |vm| {
            if let Some(a) = vm.plain_int_at(x)
                && let Some(out) = fast(a, b)
            {
                return out;
            }
            rest.run_with_local(vm, x, Out::int(b))
        }),
        (Shape::Local(x), Shape::Local(y)) => Box::new(move |vm| {
            if let Some(a) = vm.plain_int_at(x)
                && let Some(b) = vm.plain_int_at(y)
                && let Some(out) = fast(a, b)
            {
                return out;
            }
            rest.run_on_locals(vm, x, y)
        }),
        (Shape::Code(x), Shape::Int(b)) => Box::new(move |vm| {
            let a = x(vm);
            if a.kind == Kind::Int
                && let Some(out) = fast(a.bits, b)
            {
                return out;
            }
            rest.run_outs(vm, a, Out::int(b))
        }),
        (Shape::Code(x), Shape::Local(y)) => Box::new(move |vm| {
            let a = x(vm);
            if a.kind == Kind::Int
                && let Some(b) = vm.plain_int_at(y)
                && let Some(out) = fast(a.bits, b)
            {
                return out;
            }
            rest.run_on_local(vm, a, y)
        }),
        (Shape::Local(x), Shape::Code(y)) => Box::new(move |vm| {
            // The left side is what it was before the right side ran.
            let a = vm.load(x);
            then(vm, a, &y, &rest, &fast)
        }),
        (Shape::Int(a), Shape::Code(y)) => {
            Box::new(move |vm| then(vm, Out::int(a), &y, &rest, &fast))
        }
        (Shape::Code(x), Shape::Code(y)) => Box::new(move |vm| {
            let a = x(vm);
            then(vm, a, &y, &rest, &fast)
        }),
        (Shape::Int(a), Shape::Int(b)) => Box::new(move |vm| match fast(a, b) {
            Some(out) => out,
            None => rest.run_outs(vm, Out::int(a), Out::int(b)),
        }),
        (Shape::Int(a), Shape::Local(y)) => Box::new(move |vm| {
            if let Some(b) = vm.plain_int_at(y)
                && let Some(out) = fast(a, b)
            {
                return out;
            }
            rest.run_on_local(vm, Out::int(a), y)
        }),
    }
}

/// Runs the right side, and then the operator.
#[inline]
fn then(
    vm: &mut Vm<'_>,
    a: Out,
    y: &Code,
    rest: &Binary,
    fast: &impl Fn(INT, INT) -> Option<Out>,
) -> Out {
    if a.kind == Kind::Int {
        let b = y(vm);
        if b.kind == Kind::Int
            && let Some(out) = fast(a.bits, b.bits)
        {
            return out;
        }
        return rest.run_outs(vm, a, b);
    }
    rest.run_before(vm, a, y)
}

/// The code of an operator by its name.
pub(super) fn binary(x: Shape, y: Shape, rest: Binary) -> Code {
    macro_rules! each {
        ($($operator:ident)*) => {
            match rest.operator {
                $(Operator::$operator => {
                    code(x, y, rest, |x, y| builtin::integers(Operator::$operator, x, y))
                })*
            }
        };
    }
    each!(Plus Minus Multiply Divide Modulo Equal NotEqual Less LessOrEqual Greater GreaterOrEqual Other)
}

/// An operator on one value.
pub(super) struct Unary {
    pub(super) negates: bool,
    pub(super) inverts: bool,
    pub(super) site: Site,
}

/// The code of an operator on one value.
pub(super) fn unary(x: Code, rest: Unary) -> Code {
    Box::new(move |vm| {
        let a = x(vm);
        match a.kind {
            Kind::Bool if rest.inverts => return Out::bool(a.bits == 0),
            Kind::Int if rest.negates => {
                if let Some(negative) = a.bits.checked_neg() {
                    return Out::int(negative);
                }
            }
            Kind::Float if rest.negates => return Out::float(-a.as_float()),
            _ => {}
        }
        if a.stops() {
            return a;
        }
        let mut a = vm.value(a);
        match rest.site.call(&mut vm.host, First::Own, &mut [&mut a]) {
            Ok(value) => vm.give(value),
            Err(error) => vm.fail(error),
        }
    })
}
