//! Assignments: to variables and to what is in them.

use rhai::{Dynamic, EvalAltResult, FnArgsVec, INT, ImmutableString, Position};

use super::{
    builtin::{self, Operator},
    chain::{Step, StepKind},
    native::{Given, Interpreted},
    operator::Shape,
    peek::element,
    slot::Slot,
    vm::{Code, Host, Kind, Out, Vm, int_of, writable},
};

/// `+=` and its like.
pub(super) struct OpAssign {
    pub(super) operator: Operator,
    /// The assignment to a variable that Rhai evaluates.
    pub(super) interpreted: Interpreted,
}

impl OpAssign {
    /// Changes a value that is not shared.
    fn apply(&self, host: &mut Host<'_>, place: &mut Dynamic, mut value: Dynamic) -> Given<()> {
        if !place.is_read_only() && self.built_in(place, &value) {
            return Ok(());
        }
        self.interpreted.run(host, &mut [place, &mut value]).map(|_| ())
    }

    /// Does what cannot fail; false where Rhai must do it.
    fn built_in(&self, place: &mut Dynamic, value: &Dynamic) -> bool {
        if let (Some(x), Some(y)) = (int_of(place), int_of(value)) {
            return match builtin::integers(self.operator, x, y) {
                Some(Out { kind: Kind::Int, bits }) => {
                    put(place, Dynamic::from_int(bits));
                    true
                }
                _ => false,
            };
        }
        if place.is_float() && (value.is_float() || value.is_int()) {
            return match builtin::binary(self.operator, place, value) {
                Some(result) if result.is_float() => {
                    put(place, result);
                    true
                }
                _ => false,
            };
        }
        if self.operator == Operator::Plus && place.is_string() && value.is_string() {
            let Some(more) = value.read_lock::<ImmutableString>() else { return false };
            let Ok(mut text) = place.as_immutable_string_mut() else { return false };
            *text += more.as_str();
            return true;
        }
        false
    }
}

/// Puts a number where another one was, whose tag stays.
fn put(place: &mut Dynamic, mut number: Dynamic) {
    number.set_tag(place.tag());
    *place = number;
}

/// `x = …`.
pub(super) fn variable(slot: usize, value: Code) -> Code {
    Box::new(move |vm| {
        let out = value(vm);
        if out.kind == Kind::Int && vm.set_int(slot, out.bits) {
            return Out::UNIT;
        }
        set(vm, slot, out)
    })
}

#[inline(never)]
fn set(vm: &mut Vm<'_>, slot: usize, out: Out) -> Out {
    if out.stops() {
        return out;
    }
    let value = vm.slot(out);
    match vm.variable(slot) {
        Slot::Any(place) if place.is_shared() => assign(place, value.into()),
        place => *place = value,
    }
    Out::UNIT
}

/// `x += …`.
pub(super) fn change(slot: usize, value: Shape, op: OpAssign, position: Position) -> Code {
    macro_rules! each {
        ($($operator:ident)*) => {
            match op.operator {
                $(Operator::$operator => changed_by(slot, value, op, position, |x, y| {
                    builtin::integers(Operator::$operator, x, y)
                }),)*
                _ => changed_by(slot, value, op, position, |_, _| None),
            }
        };
    }
    each!(Plus Minus Multiply Divide Modulo)
}

/// The code of it. `fast` is what the operator makes of integers, where that is one.
fn changed_by<F>(slot: usize, value: Shape, op: OpAssign, position: Position, fast: F) -> Code
where
    F: Fn(INT, INT) -> Option<Out> + Send + Sync + 'static,
{
    /// True when it is done.
    #[inline]
    fn quick(
        vm: &mut Vm<'_>,
        slot: usize,
        y: INT,
        fast: &impl Fn(INT, INT) -> Option<Out>,
    ) -> bool {
        if let Some(Slot::Int(place)) = vm.locals.get_mut(vm.base + slot)
            && let Some(Out { kind: Kind::Int, bits }) = fast(*place, y)
        {
            *place = bits;
            return true;
        }
        false
    }
    match value {
        Shape::Int(y) => Box::new(move |vm| {
            if quick(vm, slot, y, &fast) {
                return Out::UNIT;
            }
            op.run(vm, slot, Out::int(y), position)
        }),
        Shape::Local(from) => Box::new(move |vm| {
            if let Some(y) = vm.plain_int_at(from)
                && quick(vm, slot, y, &fast)
            {
                return Out::UNIT;
            }
            op.run_from(vm, slot, from, position)
        }),
        Shape::Code(value) => Box::new(move |vm| {
            let out = value(vm);
            if out.kind == Kind::Int && quick(vm, slot, out.bits, &fast) {
                return Out::UNIT;
            }
            op.run(vm, slot, out, position)
        }),
    }
}

impl OpAssign {
    /// Changes a variable by another.
    #[inline(never)]
    fn run_from(&self, vm: &mut Vm<'_>, slot: usize, from: usize, position: Position) -> Out {
        let out = vm.load(from);
        self.run(vm, slot, out, position)
    }

    /// Changes a variable.
    #[inline(never)]
    fn run(&self, vm: &mut Vm<'_>, slot: usize, out: Out, position: Position) -> Out {
        if out.stops() {
            return out;
        }
        if !vm.spend_memory(position) {
            return Out::FAIL;
        }
        let value = vm.value(out);
        let at = vm.base + slot;
        let Vm { locals, host, .. } = vm;
        let Some(variable) = locals.get_mut(at) else { return Out::UNIT };
        let place = variable.value();
        let result = match place.is_shared() {
            true => match place.write_lock::<Dynamic>() {
                Some(mut inner) => self.apply(host, &mut inner, value),
                None => Ok(()),
            },
            false => self.apply(host, place, value),
        };
        variable.settle();
        match result {
            Ok(()) => Out::UNIT,
            Err(error) => vm.fail(error),
        }
    }
}

/// `this = …`, which may be a constant.
pub(super) fn this(slot: usize, value: Code, position: Position) -> Code {
    Box::new(move |vm| {
        let out = value(vm);
        if out.stops() {
            return out;
        }
        let value = vm.value(out);
        let place = vm.place(slot);
        if place.is_read_only() {
            return vm.fail(EvalAltResult::ErrorAssignmentToConstant(String::new(), position));
        }
        assign(place, value);
        vm.variable(slot).settle();
        Out::UNIT
    })
}

#[inline]
fn assign(place: &mut Dynamic, value: Dynamic) {
    if place.is_shared() {
        if let Some(mut inner) = place.write_lock::<Dynamic>() {
            *inner = writable(value);
        }
    } else {
        *place = writable(value);
    }
}

/// `x.a[1] = …` and its like.
pub(super) struct Assignment {
    /// The variable.
    pub(super) slot: usize,
    pub(super) operands: Vec<Code>,
    pub(super) steps: Vec<Step>,
    pub(super) value: Code,
    pub(super) op: Option<OpAssign>,
    /// The whole assignment; its last operand is the value.
    pub(super) interpreted: Interpreted,
    pub(super) position: Position,
}

/// How far an assignment came.
enum Set {
    Done,
    /// Nothing was changed, and Rhai has to do it.
    Back(Dynamic),
    Failed(Box<EvalAltResult>),
}

impl Assignment {
    fn set(
        &self,
        steps: &[Step],
        place: &mut Dynamic,
        operands: &[Dynamic],
        host: &mut Host<'_>,
        value: Dynamic,
    ) -> Set {
        let Some((step, after)) = steps.split_first() else { return self.last(place, host, value) };
        if place.is_shared() {
            return match place.write_lock::<Dynamic>() {
                Some(mut inner) => self.set(steps, &mut inner, operands, host, value),
                None => Set::Back(value),
            };
        }
        if step.is_optional && place.is_unit() {
            return Set::Back(value);
        }
        let name: ImmutableString = match &step.kind {
            StepKind::Property { name, .. } => {
                let Some(mut map) = map_of(place) else { return Set::Back(value) };
                if after.is_empty() && !map.contains_key(name) {
                    map.insert(name.clone(), Dynamic::UNIT);
                }
                return match map.get_mut(name) {
                    Some(item) => self.set(after, item, operands, host, value),
                    None => Set::Back(value),
                };
            }
            StepKind::Index { operand, .. } => {
                let Some(index) = operands.get(*operand) else { return Set::Back(value) };
                if place.is_array() {
                    let Ok(mut items) = place.as_array_mut() else { return Set::Back(value) };
                    let at = int_of(index).and_then(|at| element(items.len(), at));
                    return match at.and_then(|at| items.get_mut(at)) {
                        Some(item) => self.set(after, item, operands, host, value),
                        None => Set::Back(value),
                    };
                }
                match index.read_lock::<ImmutableString>() {
                    Some(name) => (*name).clone(),
                    None => return Set::Back(value),
                }
            }
            StepKind::Method { .. } => return Set::Back(value),
        };
        let Some(mut map) = map_of(place) else { return Set::Back(value) };
        if after.is_empty() && !map.contains_key(name.as_str()) {
            map.insert(name.as_str().into(), Dynamic::UNIT);
        }
        match map.get_mut(name.as_str()) {
            Some(item) => self.set(after, item, operands, host, value),
            None => Set::Back(value),
        }
    }

    fn last(&self, place: &mut Dynamic, host: &mut Host<'_>, value: Dynamic) -> Set {
        if place.is_read_only() {
            return Set::Back(value);
        }
        let Some(op) = &self.op else {
            assign(place, value);
            return Set::Done;
        };
        let result = match place.is_shared() {
            true => match place.write_lock::<Dynamic>() {
                Some(mut inner) => op.apply(host, &mut inner, value),
                None => return Set::Back(value),
            },
            false => op.apply(host, place, value),
        };
        match result {
            Ok(()) => Set::Done,
            Err(error) => Set::Failed(error),
        }
    }

    fn run(&self, vm: &mut Vm<'_>) -> Out {
        let out = (self.value)(vm);
        if out.stops() {
            return out;
        }
        if !vm.spend_memory(self.position) {
            return Out::FAIL;
        }
        let value = vm.value(out);
        let start = vm.operands.len();
        if let Err(out) = vm.push_all(&self.operands) {
            return out;
        }
        let mut root = std::mem::take(vm.place(self.slot));
        let Vm { operands, host, .. } = vm;
        let operands = operands.get_mut(start..).unwrap_or_default();
        let result = match self.set(&self.steps, &mut root, operands, host, value) {
            Set::Done => Ok(()),
            Set::Failed(error) => Err(error),
            Set::Back(mut value) => {
                let mut all: FnArgsVec<&mut Dynamic> = FnArgsVec::with_capacity(operands.len() + 2);
                all.push(&mut root);
                all.extend(operands.iter_mut());
                all.push(&mut value);
                self.interpreted.run(host, &mut all).map(|_| ())
            }
        };
        *vm.place(self.slot) = root;
        vm.operands.truncate(start);
        match result {
            Ok(()) => Out::UNIT,
            Err(error) => vm.fail(error),
        }
    }
}

fn map_of(value: &mut Dynamic) -> Option<impl std::ops::DerefMut<Target = rhai::Map> + '_> {
    if value.is_map() { value.as_map_mut().ok() } else { None }
}

/// The code of an assignment to what is in a variable.
pub(super) fn chain(assignment: Assignment) -> Code {
    Box::new(move |vm| assignment.run(vm))
}
