//! What `make bench` runs.
fn main() {
    eprintln!("boxoffice-bench: nothing to measure yet");
    std::process::exit(1);
}
