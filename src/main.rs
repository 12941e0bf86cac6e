//! The `hotplate` program; everything it does is in the library.

use std::process::ExitCode;

// The memory budget of scripts is kept by this allocator's counters.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    hotplate::cli::main()
}
