//! Engines: one for each plugin, cheap because all share the same packages and natives.

use rhai::{
    Engine, Module, OptimizationLevel, Shared,
    packages::{Package, StandardPackage},
};

use super::{budget, token};

/// Functions and types that every engine gets, made once.
#[derive(Clone)]
pub(crate) struct Natives {
    standard: Shared<Module>,
    language: Vec<Shared<Module>>,
    global: Vec<Shared<Module>>,
    namespaces: Vec<(String, Shared<Module>)>,
    foreign: bool,
}

impl std::fmt::Debug for Natives {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Natives").finish_non_exhaustive()
    }
}

impl Natives {
    /// The standard package alone.
    pub(crate) fn standard() -> Self {
        let standard = StandardPackage::new().as_shared_module();
        Self {
            standard,
            language: Vec::new(),
            global: Vec::new(),
            namespaces: Vec::new(),
            foreign: false,
        }
    }

    /// Adds functions that mend the language itself: they count as Rhai's own, so that a script may
    /// have functions of their names.
    #[must_use]
    pub(crate) fn with_language(mut self, mut module: Module) -> Self {
        module.set_id("hotplate-language");
        module.build_index();
        self.language.push(module.into());
        self
    }

    /// Adds functions that are called without a namespace; they precede those added before.
    #[must_use]
    pub(crate) fn with_global(mut self, mut module: Module) -> Self {
        module.build_index();
        self.global.push(module.into());
        self
    }

    /// Adds functions that are called as `name::…`; those of a namespace that is there are kept.
    #[must_use]
    pub(crate) fn with_namespace(mut self, name: &str, module: Module) -> Self {
        let mut whole = match self.namespaces.iter().position(|(there, _)| there == name) {
            Some(at) => (*self.namespaces.swap_remove(at).1).clone(),
            None => Module::new(),
        };
        whole.combine(module);
        whole.build_index();
        self.namespaces.push((name.to_owned(), whole.into()));
        self
    }

    /// Says that some of these functions are not ours: what effects they have is not known.
    #[must_use]
    pub(crate) fn with_foreign(mut self) -> Self {
        self.foreign = true;
        self
    }

    /// Whether some of these functions are not ours.
    pub(crate) fn has_foreign(&self) -> bool {
        self.foreign
    }

    /// Where types are found that can be iterated over.
    pub(crate) fn iterators(&self) -> Vec<Shared<Module>> {
        let namespaces = self.namespaces.iter().map(|(_, module)| module);
        let modules = namespaces.chain(&self.language).chain(&self.global);
        modules.chain([&self.standard]).cloned().collect()
    }

    /// The functions that are called as `name::…`.
    pub(crate) fn namespaces(&self) -> &[(String, Shared<Module>)] {
        &self.namespaces
    }

    /// An engine with the host's functions without a namespace and nothing else, to know them by.
    pub(super) fn host_alone(&self) -> Engine {
        let mut engine = Engine::new_raw();
        for module in &self.global {
            engine.register_global_module(module.clone());
        }
        engine
    }

    /// An engine with these natives, every budget on and nothing that a script could use to leave it.
    pub(crate) fn engine(&self, call_depth: usize) -> Engine {
        let mut engine = Engine::new_raw();
        engine.register_global_module(self.standard.clone());
        for module in self.language.iter().chain(&self.global) {
            engine.register_global_module(module.clone());
        }
        for (name, module) in &self.namespaces {
            engine.register_static_module(name, module.clone());
        }
        engine.set_optimization_level(OptimizationLevel::None);
        // The interner's lock is shared by all calls and slept on when it is taken.
        engine.set_max_strings_interned(0);
        engine.set_max_call_levels(call_depth);
        engine.set_max_expr_depths(96, 64);
        engine.set_max_modules(64);
        engine.disable_symbol("eval");
        engine.on_progress(|_| budget::tick());
        token::install(&mut engine);
        engine
    }
}
