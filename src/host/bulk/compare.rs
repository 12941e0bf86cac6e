//! `==` and `!=` of arrays and maps.
//!
//! What they hold is compared here as long as it is of a script's own types; of other types, their
//! own `==` is asked. A value that holds itself is an error.

use rhai::{Array, Blob, Dynamic, EvalAltResult, ImmutableString, Map, Module, NativeCallContext};

use super::Toll;
use crate::{
    host::define::{global, refusal},
    script::Native,
};

/// The most levels that are compared.
const MOST_DEPTH: usize = 256;

pub(super) fn register(module: &mut Module) {
    let about = "Whether both hold equal values.";
    global("==", &["a: &mut Array", "b: Array", "bool"], about)
        .set_into_module(module, |ctx: NativeCallContext, a: &mut Array, b: Array| {
            Comparison::new(&ctx).arrays(a, &b, 0)
        });
    global("==", &["a: &mut Map", "b: Map", "bool"], about)
        .set_into_module(module, |ctx: NativeCallContext, a: &mut Map, b: Map| {
            Comparison::new(&ctx).maps(a, &b, 0)
        });
    let about = "Whether they hold different values.";
    global("!=", &["a: &mut Array", "b: Array", "bool"], about).set_into_module(
        module,
        |ctx: NativeCallContext, a: &mut Array, b: Array| {
            Comparison::new(&ctx).arrays(a, &b, 0).map(|same| !same)
        },
    );
    global("!=", &["a: &mut Map", "b: Map", "bool"], about).set_into_module(
        module,
        |ctx: NativeCallContext, a: &mut Map, b: Map| {
            Comparison::new(&ctx).maps(a, &b, 0).map(|same| !same)
        },
    );
}

/// A run of comparisons, counted together.
pub(super) struct Comparison<'a> {
    ctx: &'a NativeCallContext<'a>,
    toll: Toll,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(ctx: &'a NativeCallContext<'a>) -> Self {
        Self { ctx, toll: Toll::default() }
    }

    /// Whether two values are equal as `==` has it.
    pub(super) fn equal(&mut self, a: &Dynamic, b: &Dynamic) -> Native<bool> {
        self.any(a, b, 0)
    }

    fn any(&mut self, a: &Dynamic, b: &Dynamic, depth: usize) -> Native<bool> {
        if depth > MOST_DEPTH {
            return Err(refusal(format!(
                "values nested deeper than {MOST_DEPTH} levels cannot be compared: \
                 does one hold itself?"
            )));
        }
        self.toll.pay(Toll::VALUE)?;
        if a.is_shared() {
            let inner = a.read_lock::<Dynamic>().ok_or_else(in_use)?;
            return self.any(&inner, b, depth + 1);
        }
        if b.is_shared() {
            let inner = b.read_lock::<Dynamic>().ok_or_else(in_use)?;
            return self.any(a, &inner, depth + 1);
        }
        if let (Ok(a), Ok(b)) = (a.as_int(), b.as_int()) {
            return Ok(a == b);
        }
        if let (Some(a), Some(b)) =
            (a.read_lock::<ImmutableString>(), b.read_lock::<ImmutableString>())
        {
            self.toll.pay(if a.len() == b.len() { a.len() } else { 0 })?;
            return Ok(*a == *b);
        }
        match (a.read_lock::<Array>(), b.read_lock::<Array>()) {
            (Some(a), Some(b)) => return self.arrays(&a, &b, depth + 1),
            (None, None) => {}
            _ => return Ok(false),
        }
        match (a.read_lock::<Map>(), b.read_lock::<Map>()) {
            (Some(a), Some(b)) => return self.maps(&a, &b, depth + 1),
            (None, None) => {}
            _ => return Ok(false),
        }
        if let (Some(a), Some(b)) = (a.read_lock::<Blob>(), b.read_lock::<Blob>()) {
            self.toll.pay(a.len().min(b.len()))?;
            return Ok(*a == *b);
        }
        if a.is_unit() || b.is_unit() {
            return Ok(a.is_unit() && b.is_unit());
        }
        self.others(a, b)
    }

    pub(super) fn arrays(&mut self, a: &Array, b: &Array, depth: usize) -> Native<bool> {
        if a.len() != b.len() {
            return Ok(false);
        }
        for (a, b) in a.iter().zip(b) {
            if !self.any(a, b, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn maps(&mut self, a: &Map, b: &Map, depth: usize) -> Native<bool> {
        if a.len() != b.len() {
            return Ok(false);
        }
        for ((a_key, a), (b_key, b)) in a.iter().zip(b) {
            if a_key != b_key || !self.any(a, b, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Numbers of two kinds, characters, functions, the host's types: what `==` makes of them.
    fn others(&mut self, a: &Dynamic, b: &Dynamic) -> Native<bool> {
        let same_type = a.type_id() == b.type_id();
        let result = self.ctx.call_native_fn_raw("==", true, &mut [&mut a.clone(), &mut b.clone()]);
        match result {
            Ok(answer) => Ok(answer.as_bool().unwrap_or(false)),
            Err(error) => match *error {
                EvalAltResult::ErrorFunctionNotFound(ref what, ..)
                    if !same_type && what.starts_with("==") =>
                {
                    Ok(false)
                }
                _ => Err(error),
            },
        }
    }
}

#[expect(clippy::unnecessary_box_returns, reason = "Rhai boxes its errors")]
fn in_use() -> Box<EvalAltResult> {
    refusal("a shared value cannot be compared while it is being changed")
}
