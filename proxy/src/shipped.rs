//! The filters that ship inside the binary, for `use:` in the YAML. They are built by `cargo xtask filters` and committed beside
//! their sources, so that building Belay needs no compiler for wasm.

/// By name, in order.
const SHIPPED: [(&str, &[u8]); 4] = [
    ("auth-http", include_bytes!("../../filters/auth-http/auth-http.wasm")),
    ("auth-jwt", include_bytes!("../../filters/auth-jwt/auth-jwt.wasm")),
    ("circuit-breaker", include_bytes!("../../filters/circuit-breaker/circuit-breaker.wasm")),
    ("rate-limit", include_bytes!("../../filters/rate-limit/rate-limit.wasm")),
];

/// Their names, in order.
pub fn names() -> &'static [&'static str] {
    const NAMES: [&str; SHIPPED.len()] = {
        let mut names = [""; SHIPPED.len()];
        let mut place = 0;
        while place < SHIPPED.len() {
            names[place] = SHIPPED[place].0;
            place += 1;
        }
        names
    };
    &NAMES
}

/// The component of this name.
pub fn component(name: &str) -> Option<&'static [u8]> {
    SHIPPED.iter().find(|(shipped, _)| *shipped == name).map(|(_, component)| *component)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_of_filters_ships() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../filters");
        let crates =
            std::fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().join("Cargo.toml").is_file());
        let mut crates: Vec<_> = crates.map(|entry| entry.file_name().into_string().unwrap()).collect();
        crates.sort();
        assert_eq!(names(), crates);
        assert!(names().iter().all(|name| component(name).unwrap().starts_with(b"\0asm")));
        assert_eq!(component("else"), None);
    }
}
