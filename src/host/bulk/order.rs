//! Sorting.
//!
//! Rhai's own `sort` swallows the errors of a comparing closure, also the one that ends a script.
//! This is a merge sort over places: it is stable, raises what the closure raises, asks the budget
//! on its way, and whatever a closure answers, the result holds the same elements.

use std::{cmp::Ordering, mem};

use rhai::{Array, Dynamic, EvalAltResult, FnPtr, ImmutableString, Module, NativeCallContext};

use super::Toll;
use crate::{
    host::define::{global, refusal, words},
    script::{Native, budget},
};

pub(super) fn register(module: &mut Module) {
    let array = "array: &mut Array";
    for name in ["sort", "sort_by"] {
        let about = "Sorts the array by a closure |a, b|: negative or true if a comes first. \
                     Returns the array too.";
        global(name, &[array, "compare: Fn", "Array"], about).set_into_module(module, sort_by);
    }
    global(
        "sort",
        &[array, "compare: &str", "Array"],
        "Sorts the array by the function of that name. Returns the array too.",
    )
    .set_into_module(module, |ctx: NativeCallContext, array: &mut Array, compare: &str| {
        sort_by(ctx, array, FnPtr::new(compare)?)
    });
    global("sort", &[array, "Array"], "Sorts numbers, strings, … Returns the array too.")
        .set_into_module(module, |array: &mut Array| {
            sorted_plainly(array, Direction::Up).map(|()| array.clone())
        });
    global("sort_desc", &[array, "Array"], "Sorts, the greatest first. Returns the array too.")
        .set_into_module(module, |array: &mut Array| {
            sorted_plainly(array, Direction::Down).map(|()| array.clone())
        });
    for name in ["order", "order_by"] {
        let about = "A sorted copy, by a closure |a, b|: negative or true if a comes first.";
        global(name, &[array, "compare: Fn", "Array"], about).set_into_module(
            module,
            |ctx: NativeCallContext, array: &mut Array, compare: FnPtr| {
                sort_by(ctx, &mut array.clone(), compare)
            },
        );
    }
    global("order", &[array, "Array"], "A sorted copy.")
        .set_into_module(module, |array: &mut Array| ordered(array, Direction::Up));
    global("order_desc", &[array, "Array"], "A sorted copy, the greatest first.")
        .set_into_module(module, |array: &mut Array| ordered(array, Direction::Down));
    global("reverse", &[array, "Array"], "Turns the array round. Returns the array too.")
        .set_into_module(module, |array: &mut Array| {
            array.reverse();
            array.clone()
        });
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

fn ordered(array: &Array, direction: Direction) -> Native<Array> {
    let mut copy = array.clone();
    sorted_plainly(&mut copy, direction)?;
    Ok(copy)
}

#[expect(clippy::needless_pass_by_value, reason = "natives own their arguments")]
fn sort_by(ctx: NativeCallContext, array: &mut Array, compare: FnPtr) -> Native<Array> {
    let order = merged(array.len(), &mut |a, b| {
        let (Some(a), Some(b)) = (array.get(a), array.get(b)) else { return Ok(Ordering::Equal) };
        answer(&compare.call_raw(&ctx, None, [a.clone(), b.clone()])?)
    })?;
    rearrange(array, &order);
    Ok(array.clone())
}

fn answer(answer: &Dynamic) -> Native<Ordering> {
    if let Ok(number) = answer.as_int() {
        return Ok(number.cmp(&0));
    }
    if let Ok(first) = answer.as_bool() {
        return Ok(if first { Ordering::Less } else { Ordering::Greater });
    }
    if let Ok(number) = answer.as_float() {
        return Ok(number.partial_cmp(&0.0).unwrap_or(Ordering::Equal));
    }
    Err(refusal(format!(
        "`sort`: the closure answered {}; it answers a number (negative if a comes first) \
         or a bool (true if a comes first)",
        words(answer.type_name())
    )))
}

fn sorted_plainly(array: &mut Array, direction: Direction) -> Native<()> {
    let mut toll = Toll::default();
    let order = merged(array.len(), &mut |a, b| {
        let (Some(a), Some(b)) = (array.get(a), array.get(b)) else { return Ok(Ordering::Equal) };
        let order = plainly(a, b, &mut toll)?;
        Ok(if direction == Direction::Down { order.reverse() } else { order })
    })?;
    rearrange(array, &order);
    Ok(())
}

fn plainly(a: &Dynamic, b: &Dynamic, toll: &mut Toll) -> Native<Ordering> {
    toll.pay(16)?;
    if let (Ok(a), Ok(b)) = (a.as_int(), b.as_int()) {
        return Ok(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (a.read_lock::<ImmutableString>(), b.read_lock::<ImmutableString>())
    {
        toll.pay(a.len().min(b.len()))?;
        return Ok((**a).cmp(&**b));
    }
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return Ok(a.partial_cmp(&b).unwrap_or(Ordering::Equal));
    }
    if let (Ok(a), Ok(b)) = (a.as_char(), b.as_char()) {
        return Ok(a.cmp(&b));
    }
    if let (Ok(a), Ok(b)) = (a.as_bool(), b.as_bool()) {
        return Ok(a.cmp(&b));
    }
    if a.is_unit() && b.is_unit() {
        return Ok(Ordering::Equal);
    }
    Err(unsortable(a, b))
}

#[expect(clippy::cast_precision_loss, reason = "numbers of two kinds compare as floats in Rhai")]
fn number(value: &Dynamic) -> Option<f64> {
    value.as_float().ok().or_else(|| value.as_int().ok().map(|number| number as f64))
}

#[expect(clippy::unnecessary_box_returns, reason = "Rhai boxes its errors")]
fn unsortable(a: &Dynamic, b: &Dynamic) -> Box<EvalAltResult> {
    let (a, b) = (words(a.type_name()), words(b.type_name()));
    let hint = "give it a closure, such as |a, b| a.name < b.name";
    refusal(if a == b {
        format!("`sort` knows no order of {a} and {b}: {hint}")
    } else {
        format!("`sort` cannot tell which comes first, {a} or {b}: {hint}")
    })
}

/// The places 0 to `len` in order.
fn merged(
    len: usize,
    compare: &mut dyn FnMut(usize, usize) -> Native<Ordering>,
) -> Native<Vec<usize>> {
    budget::charge(len.saturating_mul(2 * size_of::<usize>()))?;
    let mut from: Vec<usize> = (0..len).collect();
    let mut to = Vec::with_capacity(len);
    let mut width = 1;
    while width < len {
        budget::check()?;
        to.clear();
        for run in from.chunks(2 * width) {
            let (left, right) = run.split_at(width.min(run.len()));
            merge(left, right, &mut to, compare)?;
        }
        mem::swap(&mut from, &mut to);
        width *= 2;
    }
    Ok(from)
}

fn merge(
    mut left: &[usize],
    mut right: &[usize],
    to: &mut Vec<usize>,
    compare: &mut dyn FnMut(usize, usize) -> Native<Ordering>,
) -> Native<()> {
    if let (Some(&last), Some(&first)) = (left.last(), right.first())
        && compare(last, first)? != Ordering::Greater
    {
        to.extend_from_slice(left);
        to.extend_from_slice(right);
        return Ok(());
    }
    while let (Some((&a, left_rest)), Some((&b, right_rest))) =
        (left.split_first(), right.split_first())
    {
        if compare(a, b)? == Ordering::Greater {
            to.push(b);
            right = right_rest;
        } else {
            to.push(a);
            left = left_rest;
        }
    }
    to.extend_from_slice(left);
    to.extend_from_slice(right);
    Ok(())
}

fn rearrange(array: &mut Array, order: &[usize]) {
    let mut before = mem::take(array);
    *array = order.iter().filter_map(|&place| before.get_mut(place).map(mem::take)).collect();
}
