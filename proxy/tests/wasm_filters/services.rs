//! What filters share: limiters, counters, files.

use super::*;

/// Defines a limiter of 2 tokens in `configure`, takes one for each message, drops what finds none.
fn limited() -> Guest {
    Guest {
        items: "(global $limiter (mut i32) (i32.const -1))",
        configure: "
            (call $define_limiter (i32.const 1024) (i32.const 5) (i32.const 1) (i64.const 1000) (i32.const 2) (i32.const 512))
            (if (i32.load8_u (i32.const 512)) (then unreachable))
            (global.set $limiter (i32.load (i32.const 516)))
            (i32.store8 (i32.const 0) (i32.const 0)) (i32.store8 (i32.const 4) (i32.const 3))
            (i32.store8 (i32.const 12) (i32.const 0)) (i32.store8 (i32.const 20) (i32.const 0)) (i32.const 0)",
        on_message: "
            (call $take (global.get $limiter) (local.get $at) (local.get $len) (i32.const 1) (i32.const 512))
            (i32.store8 (i32.const 0) (i32.mul (i32.load8_u (i32.const 512)) (i32.const 4))) (i32.const 0)",
        ..Guest::default()
    }
}

#[test]
fn a_limiter_is_shared_by_the_instances_of_a_filter_and_outlives_them() {
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &limited().component()).unwrap();
    let (mut here, mut there) = (loaded.instantiate().unwrap(), loaded.instantiate().unwrap());
    let mut session = a_session();
    session.now = Instant::now();
    assert_eq!(session.text(&mut *here, "ann"), Ok(Verdict::Continue));
    assert_eq!(session.text(&mut *there, "ann"), Ok(Verdict::Continue));
    assert_eq!(session.text(&mut *here, "ann"), Ok(Verdict::Drop));
    assert_eq!(session.text(&mut *here, "bob"), Ok(Verdict::Continue));
    let mut later = host.load(&spec(), &limited().component()).unwrap().instantiate().unwrap();
    assert_eq!(session.text(&mut *later, "ann"), Ok(Verdict::Drop), "a reload of the filter keeps the buckets");
    session.now = session.now + Duration::from_secs(1);
    assert_eq!(session.text(&mut *there, "ann"), Ok(Verdict::Continue));
}

#[test]
fn a_filter_counts_for_the_metrics() {
    let on_message = "
        (call $count (i32.const 1024) (i32.const 5) (i64.const 3))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)";
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &Guest::answering(on_message).component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    for _ in 0..2 {
        a_session().text(&mut *filter, "x").unwrap();
    }
    let counts = host.services().counts();
    assert_eq!((&*counts[0].filter, &*counts[0].name, counts[0].value), ("probe", "hello", 6));
}

#[test]
fn a_file_is_read_again_when_it_changes() {
    // Replaces each message with the file named 'hello', or drops it when there is none.
    let guest = Guest::answering(
        "(call $read_file (i32.const 1024) (i32.const 5) (i32.const 512))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
        (if (i32.load8_u (i32.const 512))
          (then (i32.store8 (i32.const 0) (i32.const 2))
            (i32.store (i32.const 4) (i32.load (i32.const 516))) (i32.store (i32.const 8) (i32.load (i32.const 520))))
          (else (i32.store8 (i32.const 0) (i32.const 4))))
        (i32.const 0)",
    );
    // As Kubernetes mounts a ConfigMap: the file is a link through a folder that is a link, and that is what changes.
    let dir = std::env::temp_dir().join(format!("belay-files-{:x}", rand::random::<u64>()));
    for (version, text) in [("v1", "one"), ("v2", "two")] {
        std::fs::create_dir_all(dir.join(version)).unwrap();
        std::fs::write(dir.join(version).join("keys"), text).unwrap();
    }
    let link = |to: &str, name: &str| {
        let part = dir.join("part");
        std::os::unix::fs::symlink(to, &part).unwrap();
        std::fs::rename(part, dir.join(name)).unwrap();
    };
    link("v1", "data");
    link("data/keys", "keys");

    let files = vec![("hello".into(), dir.join("keys"))];
    let mut filter = load_as(FilterSpec { files, ..spec() }, &guest).unwrap();
    let mut session = a_session();
    let mut says = |s: u64| {
        session.now = Instant::ZERO + Duration::from_secs(s);
        session.text(&mut *filter, "x").unwrap()
    };
    assert_eq!(says(1), Verdict::Replace(b"one".to_vec()));
    link("v2", "data");
    assert_eq!(says(1), Verdict::Replace(b"one".to_vec()), "looked at once a second at most");
    assert_eq!(says(2), Verdict::Replace(b"two".to_vec()));
    std::fs::write(dir.join("v2/keys"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
    assert_eq!(says(3), Verdict::Drop, "too long to be read");
    std::fs::remove_file(dir.join("keys")).unwrap();
    assert_eq!(says(4), Verdict::Drop);
    std::fs::remove_dir_all(dir).unwrap();
}
