//! Arrays: `pad`, `contains`, `index_of`, `dedup`, `for_each`.

#![expect(clippy::needless_pass_by_value, reason = "natives own their arguments")]

use rhai::{Array, Dynamic, EvalAltResult, FnPtr, Module, NativeCallContext};

use super::{Toll, compare::Comparison};
use crate::{
    host::define::global,
    script::{Native, budget},
};

pub(super) fn register(module: &mut Module) {
    global(
        "pad",
        &["array: &mut Array", "len: i64", "item: Dynamic", "()"],
        "Appends an item until the array has that length.",
    )
    .set_into_module(module, pad);
    global(
        "contains",
        &["array: &mut Array", "value: Dynamic", "bool"],
        "Whether an element equals the value.",
    )
    .set_into_module(module, contains);
    global(
        "index_of",
        &["array: &mut Array", "value: Dynamic", "i64"],
        "The place of the first element that equals the value, or -1.",
    )
    .set_into_module(module, index_of);
    global(
        "index_of",
        &["array: &mut Array", "value: Dynamic", "start: i64", "i64"],
        "The place of the first element from `start` on that equals the value, or -1.",
    )
    .set_into_module(module, index_of_from);
    global(
        "dedup",
        &["array: &mut Array", "()"],
        "Removes each element that equals the one before it.",
    )
    .set_into_module(module, dedup);
    global(
        "for_each",
        &["array: &mut Array", "f: Fn", "()"],
        "Calls f(item) or f(item, index) for each element; `this` is the element, to change it.",
    )
    .set_into_module(module, for_each);
}

fn pad(array: &mut Array, len: i64, item: Dynamic) -> Native<()> {
    let missing = usize::try_from(len).unwrap_or(0).saturating_sub(array.len());
    budget::charge(missing.saturating_mul(size_of::<Dynamic>()))?;
    array.reserve_exact(missing);
    let mut toll = Toll::default();
    // Of a container, nobody knows the size without walking through it.
    let each = if item.is_array() || item.is_map() || item.is_blob() { 1 << 16 } else { 16 };
    for _ in 0..missing {
        array.push(item.clone());
        toll.pay(each)?;
    }
    Ok(())
}

fn contains(ctx: NativeCallContext, array: &mut Array, value: Dynamic) -> Native<bool> {
    Ok(position(&ctx, array, &value, 0)? >= 0)
}

fn index_of(ctx: NativeCallContext, array: &mut Array, value: Dynamic) -> Native<i64> {
    position(&ctx, array, &value, 0)
}

fn index_of_from(
    ctx: NativeCallContext,
    array: &mut Array,
    value: Dynamic,
    start: i64,
) -> Native<i64> {
    position(&ctx, array, &value, start)
}

/// The place of a value at or after `start`, which counts from the end when negative; or -1.
fn position(ctx: &NativeCallContext, array: &Array, value: &Dynamic, start: i64) -> Native<i64> {
    let distance = usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX);
    let start = if start < 0 { array.len().saturating_sub(distance) } else { distance };
    let mut comparison = Comparison::new(ctx);
    for (index, item) in array.iter().enumerate().skip(start) {
        if comparison.equal(item, value)? {
            return Ok(i64::try_from(index).unwrap_or(i64::MAX));
        }
    }
    Ok(-1)
}

fn dedup(ctx: NativeCallContext, array: &mut Array) -> Native<()> {
    let mut comparison = Comparison::new(&ctx);
    let mut failed = None;
    array.dedup_by(|item, before| {
        failed.is_none()
            && comparison.equal(before, item).unwrap_or_else(|error| {
                failed = Some(error);
                false
            })
    });
    failed.map_or(Ok(()), Err)
}

fn for_each(ctx: NativeCallContext, array: &mut Array, f: FnPtr) -> Native<()> {
    let mut takes = Takes::Item;
    for (index, item) in array.iter_mut().enumerate() {
        let index = Dynamic::from_int(i64::try_from(index).unwrap_or(i64::MAX));
        while let Err(error) = takes.call(&ctx, &f, item, &index) {
            takes = takes.instead(&f, &error).ok_or(error)?;
        }
    }
    Ok(())
}

/// What the closure of `for_each` takes. Found out by trying, in this order.
#[derive(Clone, Copy)]
enum Takes {
    Item,
    ItemAndIndex,
    Nothing,
}

impl Takes {
    fn call(
        self,
        ctx: &NativeCallContext,
        f: &FnPtr,
        item: &mut Dynamic,
        index: &Dynamic,
    ) -> Native<Dynamic> {
        let value = item.clone();
        match self {
            Self::Item => f.call_raw(ctx, Some(item), [value]),
            Self::ItemAndIndex => f.call_raw(ctx, Some(item), [value, index.clone()]),
            Self::Nothing => f.call_raw(ctx, Some(item), []),
        }
    }

    /// What to try next, if the error says that the closure takes something else.
    fn instead(self, f: &FnPtr, error: &EvalAltResult) -> Option<Self> {
        let EvalAltResult::ErrorFunctionNotFound(what, _) = error else { return None };
        what.strip_prefix(f.fn_name())?.strip_prefix(" (")?;
        match self {
            Self::Item => Some(Self::ItemAndIndex),
            Self::ItemAndIndex => Some(Self::Nothing),
            Self::Nothing => None,
        }
    }
}
