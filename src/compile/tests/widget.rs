//! The types of the host that Rhai's own corpus uses; see `tests/corpus/README.md`.

use ::rhai::{Dynamic, Engine, EvalAltResult, INT, Position};

#[derive(Debug, Clone, Default)]
struct Widget {
    level: INT,
    cells: Vec<INT>,
}

/// A `Widget` behind a getter that hands back a value.
#[derive(Debug, Clone, Default)]
struct Holder {
    inner: Widget,
}

type Given<T> = Result<T, Box<EvalAltResult>>;

impl Widget {
    fn cell(&mut self, index: INT) -> Given<&mut INT> {
        let length = self.cells.len();
        let at = usize::try_from(index).ok();
        at.and_then(|at| self.cells.get_mut(at))
            .ok_or_else(|| Box::new(EvalAltResult::ErrorArrayBounds(length, index, Position::NONE)))
    }

    fn named(&mut self, name: &str) -> Given<&mut INT> {
        self.cell(INT::try_from(name.len()).unwrap() - 1)
    }
}

pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Widget>("Widget")
        .register_fn("widget", |level: INT| Widget { level, cells: vec![10, 20, 30] })
        .register_fn("bump", |w: &mut Widget| w.level += 1)
        .register_fn("doubled", |w: &mut Widget| w.level * 2)
        .register_fn("bump_then_fail", |w: &mut Widget| -> Given<()> {
            w.level += 1;
            Err("bump_then_fail".into())
        })
        .register_get_set("level", |w: &mut Widget| w.level, |w: &mut Widget, v| w.level = v);
    let cell = Dynamic::from(42 as INT).into_shared();
    engine.register_fn("shared_cell", move || cell.clone());
    engine.register_indexer_get_set(
        |w: &mut Widget, i: INT| w.cell(i).map(|cell| *cell),
        |w: &mut Widget, i: INT, v: INT| w.cell(i).map(|cell| *cell = v),
    );
    engine.register_indexer_get_set(
        |w: &mut Widget, name: &str| w.named(name).map(|cell| *cell),
        |w: &mut Widget, name: &str, v: INT| w.named(name).map(|cell| *cell = v),
    );
    engine
        .register_type_with_name::<Holder>("Holder")
        .register_fn("holder", |level: INT| Holder {
            inner: Widget { level, cells: vec![1, 2, 3] },
        })
        .register_get_set(
            "inner",
            |h: &mut Holder| h.inner.clone(),
            |h: &mut Holder, w: Widget| h.inner = w,
        )
        .register_indexer_get_set(
            |h: &mut Holder, _: INT| h.inner.clone(),
            |h: &mut Holder, _: INT, w: Widget| h.inner = w,
        );
}
