//! The binary `lab`: see `cli`.

fn main() -> std::process::ExitCode {
    lab::cli::main()
}
