//! `switch`.
//!
//! Rhai keeps the cases by a hash of their value that it does not show. So Rhai itself picks the case, from
//! a `switch` whose cases are numbers; conditions and what the cases come to are compiled.

use rhai::{Position, RangeCase};

use super::{
    native::Interpreted,
    vm::{Code, Kind, Out, Vm, int_of},
};

/// One case, or a part of it that has a condition of its own.
pub(super) struct Case {
    /// `None` for one without a condition.
    pub(super) condition: Option<(Code, Position)>,
    pub(super) value: Code,
}

/// A `switch`.
pub(super) struct Switch {
    pub(super) value: Code,
    /// The `switch` that gives the number of a group of cases, or -1; -2 for a value that has no hash.
    pub(super) pick: Interpreted,
    pub(super) groups: Vec<Vec<usize>>,
    pub(super) ranges: Vec<RangeCase>,
    pub(super) cases: Vec<Case>,
    pub(super) otherwise: Option<usize>,
}

/// The code of a `switch`.
pub(super) fn code(switch: Switch) -> Code {
    Box::new(move |vm| switch.run(vm))
}

impl Switch {
    fn run(&self, vm: &mut Vm<'_>) -> Out {
        let out = (self.value)(vm);
        if out.stops() {
            return out;
        }
        let mut value = vm.value(out);
        let copy = value.clone();
        let group = match self.pick.run(&mut vm.host, &mut [&mut value]) {
            Ok(group) => int_of(&group).unwrap_or(-1),
            Err(error) => return vm.fail(error),
        };
        let group = usize::try_from(group).ok().and_then(|group| self.groups.get(group));
        for case in group.into_iter().flatten() {
            match self.holds(vm, *case) {
                Ok(true) => return self.case(vm, *case),
                Ok(false) => {}
                Err(out) => return out,
            }
        }
        for range in self.ranges.iter().filter(|range| range.contains(&copy)) {
            match self.holds(vm, range.index()) {
                Ok(true) => return self.case(vm, range.index()),
                Ok(false) => {}
                Err(out) => return out,
            }
        }
        match self.otherwise {
            Some(case) => self.case(vm, case),
            None => Out::UNIT,
        }
    }

    fn case(&self, vm: &mut Vm<'_>, case: usize) -> Out {
        match self.cases.get(case) {
            Some(case) => (case.value)(vm),
            None => Out::UNIT,
        }
    }

    fn holds(&self, vm: &mut Vm<'_>, case: usize) -> Result<bool, Out> {
        let Some(Case { condition: Some((condition, position)), .. }) = self.cases.get(case) else {
            return Ok(true);
        };
        let out = condition(vm);
        match out.kind {
            Kind::Bool => Ok(out.bits != 0),
            _ if out.stops() => Err(out),
            _ => Err(vm.no_bool(out, *position)),
        }
    }
}
