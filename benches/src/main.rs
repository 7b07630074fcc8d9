//! The bench on the system's allocator: `just bench`.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::main()
}
