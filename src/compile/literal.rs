//! Strings with values between, arrays and maps.

use rhai::{Dynamic, FnArgsVec, ImmutableString, Map, Position};

use super::{
    native::{First, Given, Site},
    vm::{Code, Host, Kind, Out, Vm},
};

/// A part of a string.
pub(super) enum Part {
    Text(ImmutableString),
    /// A value, and how it becomes text where that is not known here.
    Value(Code, Box<Site>),
}

/// Bytes from which a text is asked of the budget before more is added, and is not copied.
const LARGE: usize = 64 << 10;

/// A string of parts.
pub(super) fn interpolated(parts: Vec<Part>, position: Position) -> Code {
    Box::new(move |vm| {
        if !vm.spend_memory(position) {
            return Out::FAIL;
        }
        let mut text = std::mem::take(&mut vm.text);
        let begin = text.len();
        for part in &parts {
            if text.len() > LARGE && !vm.spend_memory(position) {
                return Out::FAIL;
            }
            let (code, site) = match part {
                Part::Text(part) => {
                    text.push_str(part);
                    continue;
                }
                Part::Value(code, site) => (code, site),
            };
            vm.text = text;
            let out = code(vm);
            text = std::mem::take(&mut vm.text);
            match out.kind {
                Kind::Int => text.push_str(itoa::Buffer::new().format(out.bits)),
                Kind::Bool => text.push_str(if out.bits == 0 { "false" } else { "true" }),
                _ if out.stops() => {
                    text.truncate(begin);
                    vm.text = text;
                    return out;
                }
                _ => {
                    let mut value = vm.value(out);
                    if let Ok(part) = value.as_immutable_string_ref() {
                        text.push_str(&part);
                        continue;
                    }
                    match printed(&mut vm.host, site, &mut value) {
                        Ok(part) => text.push_str(&part),
                        Err(error) => {
                            text.truncate(begin);
                            vm.text = text;
                            return vm.fail(error);
                        }
                    }
                }
            }
        }
        let whole = if begin == 0 && text.len() > LARGE {
            text.into()
        } else {
            let whole = ImmutableString::from(text.get(begin..).unwrap_or_default());
            text.truncate(begin);
            vm.text = text;
            whole
        };
        vm.acc = whole.into();
        Out::ANY
    })
}

/// A value as text. Its operand is left as it is.
fn printed(host: &mut Host<'_>, site: &Site, value: &mut Dynamic) -> Given<ImmutableString> {
    if let Some(Ok(text)) = site.call_known(host, First::Place, &mut [value])
        && let Ok(text) = text.into_immutable_string()
    {
        return Ok(text);
    }
    let text = site.ask(host, &mut [value])?;
    Ok(text.into_immutable_string().unwrap_or_default())
}

/// An array.
pub(super) fn array(items: Vec<Code>, position: Position) -> Code {
    Box::new(move |vm| {
        if !vm.spend_memory(position) {
            return Out::FAIL;
        }
        let start = vm.operands.len();
        if let Err(out) = vm.push_all(&items) {
            return out;
        }
        let array: rhai::Array = vm.operands.drain(start..).collect();
        vm.acc = Dynamic::from_array(array);
        Out::ANY
    })
}

/// A map. `template` has its keys; `order` says for each of them, in their order, which value it has.
pub(super) fn map(template: Map, order: Vec<usize>, values: Vec<Code>, position: Position) -> Code {
    Box::new(move |vm| {
        if !vm.spend_memory(position) {
            return Out::FAIL;
        }
        let start = vm.operands.len();
        if let Err(out) = vm.push_all(&values) {
            return out;
        }
        let mut map = template.clone();
        for (value, index) in map.values_mut().zip(&order) {
            if let Some(given) = vm.operands.get_mut(start + index) {
                *value = std::mem::take(given);
            }
        }
        vm.operands.truncate(start);
        vm.acc = Dynamic::from_map(map);
        Out::ANY
    })
}

/// A node that Rhai evaluates, with operands that are evaluated before.
pub(super) fn interpreted(node: super::native::Interpreted, operands: Vec<Code>) -> Code {
    Box::new(move |vm| {
        let start = vm.operands.len();
        if let Err(out) = vm.push_all(&operands) {
            return out;
        }
        let result = {
            let Vm { host, operands, .. } = vm;
            let mut operands: FnArgsVec<&mut Dynamic> = operands.iter_mut().skip(start).collect();
            node.run(host, &mut operands)
        };
        vm.operands.truncate(start);
        match result {
            Ok(value) => vm.give(value),
            Err(error) => vm.fail(error),
        }
    })
}
