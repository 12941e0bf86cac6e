//! `try` and `catch`.

use rhai::{Dynamic, EvalAltResult, INT, ImmutableString, Map};

use super::vm::{Code, Kind, Out, Vm};

/// `try` with its `catch`.
pub(super) struct Trial {
    pub(super) body: Code,
    pub(super) catch: Code,
    /// Whether `catch` names what it caught. Its place is at `depth`.
    pub(super) names_error: bool,
    pub(super) depth: usize,
}

/// The code of `try`.
pub(super) fn code(trial: Trial) -> Code {
    Box::new(move |vm| trial.run(vm))
}

impl Trial {
    fn run(&self, vm: &mut Vm<'_>) -> Out {
        let level = vm.host.global.level;
        let out = (self.body)(vm);
        if out.kind != Kind::Fail {
            return out;
        }
        let Some(mut error) = vm.error.take() else { return out };
        if error.is_pseudo_error() || !error.is_catchable() {
            vm.error = Some(error);
            return out;
        }
        vm.host.global.level = level;
        vm.leave(self.depth);
        if self.names_error {
            let value = caught(&mut error, vm.host.global.source.as_ref());
            vm.locals.push(value.into());
        }
        let out = (self.catch)(vm);
        vm.leave(self.depth);
        if out.kind == Kind::Fail {
            // `throw;` raises what was caught again.
            if let Some(EvalAltResult::ErrorRuntime(value, position)) = vm.error.as_deref()
                && value.is_unit()
            {
                error.set_position(*position);
                vm.error = Some(error);
            }
            return out;
        }
        match out.kind {
            Kind::Break | Kind::Continue | Kind::Return => out,
            _ => Out::UNIT,
        }
    }
}

/// What a `catch` sees of an error.
fn caught(error: &mut EvalAltResult, source: Option<&ImmutableString>) -> Dynamic {
    if let EvalAltResult::ErrorRuntime(value, _) = error.unwrap_inner() {
        return value.clone();
    }
    let position = error.take_position();
    let mut map = Map::new();
    map.insert("message".into(), error.to_string().into());
    if let Some(source) = source {
        map.insert("source".into(), source.clone().into());
    }
    if let Some(line) = position.line() {
        map.insert("line".into(), integer(line).into());
        map.insert("position".into(), integer(position.position().unwrap_or(0)).into());
    }
    fields(error, &mut map);
    map.into()
}

fn integer(value: usize) -> INT {
    INT::try_from(value).unwrap_or(INT::MAX)
}

/// The fields that Rhai gives an error of each kind.
fn fields(error: &EvalAltResult, map: &mut Map) {
    let debug = format!("{error:?}");
    map.insert("error".into(), debug.split('(').next().unwrap_or_default().into());
    let mut text = |name: &str, value: &str| {
        map.insert(name.into(), value.into());
    };
    match error {
        EvalAltResult::ErrorFunctionNotFound(function, ..)
        | EvalAltResult::ErrorNonPureMethodCallOnConstant(function, ..) => {
            text("function", function);
        }
        EvalAltResult::ErrorInFunctionCall(function, source, ..) => {
            text("function", function);
            text("source", source);
        }
        EvalAltResult::ErrorMismatchDataType(wanted, got, ..)
        | EvalAltResult::ErrorMismatchOutputType(wanted, got, ..) => {
            text("requested", wanted);
            text("actual", got);
        }
        EvalAltResult::ErrorArrayBounds(length, index, ..)
        | EvalAltResult::ErrorStringBounds(length, index, ..)
        | EvalAltResult::ErrorBitFieldBounds(length, index, ..) => {
            map.insert("length".into(), integer(*length).into());
            map.insert("index".into(), (*index).into());
        }
        EvalAltResult::ErrorVariableExists(name, ..)
        | EvalAltResult::ErrorForbiddenVariable(name, ..)
        | EvalAltResult::ErrorVariableNotFound(name, ..)
        | EvalAltResult::ErrorPropertyNotFound(name, ..)
        | EvalAltResult::ErrorDataRace(name, ..)
        | EvalAltResult::ErrorAssignmentToConstant(name, ..) => text("variable", name),
        EvalAltResult::ErrorIndexNotFound(index, ..) => {
            map.insert("index".into(), index.clone());
        }
        EvalAltResult::ErrorInModule(name, ..) | EvalAltResult::ErrorModuleNotFound(name, ..) => {
            text("module", name);
        }
        EvalAltResult::ErrorDotExpr(property, ..) => text("property", property),
        EvalAltResult::ErrorIndexingType(kind, ..) | EvalAltResult::ErrorDataTooLarge(kind, ..) => {
            text("type", kind);
        }
        _ => {}
    }
}
