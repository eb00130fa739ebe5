use std::task::{Context, Poll, Waker};

use super::*;

#[test]
fn a_hash_knows_its_password_and_no_other() {
    let mut memory = Memory::default();
    let made = memory.hash("correct horse").unwrap();
    assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{made}");
    assert!(memory.compare("correct horse", &made).unwrap());
    assert!(!memory.compare("correct house", &made).unwrap());
    assert!(memory.hash("correct horse").unwrap() != made, "salted");
}

#[test]
fn hashes_of_others_are_read_with_their_own_parameters() {
    use argon2::password_hash::PasswordHasher;
    let salt = SaltString::encode_b64(b"sixteen octets!!").unwrap();
    // Not ours, made by the crate's own way, and larger than the memory kept so far.
    for (memory_kib, passes, output) in [(64, 1, 32), (21 * 1024, 3, 20), (32, 2, 48)] {
        let params = Params::new(memory_kib, passes, 1, Some(output)).unwrap();
        let other = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let other = other.hash_password(b"battery", &salt).unwrap().to_string();
        let mut memory = Memory::default();
        for _ in 0..2 {
            assert!(memory.compare("battery", &other).unwrap(), "{other}");
            assert!(!memory.compare("staple", &other).unwrap(), "{other}");
        }
    }
    assert!(Memory::default().compare("battery", "$argon2id$v=19").is_err());
}

#[test]
fn the_memory_is_asked_for_once() {
    let mut memory = Memory::default();
    let first = memory.hash("one").unwrap();
    let (place, size) = (memory.blocks.as_ptr(), memory.blocks.capacity());
    assert!(memory.compare("one", &first).unwrap());
    assert!(memory.hash("two").unwrap() != first);
    assert_eq!((memory.blocks.as_ptr(), memory.blocks.capacity()), (place, size));
}

#[test]
fn who_finds_the_queue_full_or_has_enough_in_it_is_told_to_come_back() {
    // Both threads are held: what each sees is certain.
    let threads = Threads::alone().unwrap();
    let hasher = Hasher::start(&threads, 2, 1, TimeDelta::days(90)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _inside = runtime.enter();
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let gate = Arc::new(std::sync::Mutex::new(gate));
    let (started, running) = std::sync::mpsc::channel();
    let _held = [(); 2].map(|()| {
        let (gate, started) = (Arc::clone(&gate), started.clone());
        hasher.lane.run(move || {
            started.send(()).unwrap();
            // Both end when the test lets go of its end.
            let _ = gate.lock().unwrap().recv();
            Ok(())
        })
    });
    running.recv().unwrap();
    running.recv().unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut first = Box::pin(hasher.hash("ada", "one"));
    assert!(first.as_mut().poll(&mut context).is_pending());
    let mut refused = |client| {
        let mut next = Box::pin(hasher.hash(client, "two"));
        match next.as_mut().poll(&mut context) {
            Poll::Ready(Err(Error::TooMany { .. })) => true,
            Poll::Ready(_) => panic!("nobody hashes here"),
            Poll::Pending => false,
        }
    };
    assert!(refused("ada"), "one of hers waits");
    assert!(!refused("bob"), "there is room for others");
    assert!(refused("eve"), "and now there is none");
    // Whoever hangs up keeps the place until its turn comes.
    drop(first);
    assert!(refused("ada"));
    drop(go);
    while !hasher.waiting.is_empty() {
        std::thread::yield_now();
    }
}

#[test]
fn nobody_matches_nothing() {
    let threads = Threads::alone().unwrap();
    let hasher = Hasher::start(&threads, 4, 0, TimeDelta::days(90)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    assert!(!runtime.block_on(hasher.matches("ada", "anything", None)).unwrap());
}

#[test]
fn a_password_is_the_same_however_its_accents_are_coded() {
    let threads = Threads::alone().unwrap();
    let hasher = Hasher::start(&threads, 4, 0, TimeDelta::days(90)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (composed, decomposed) = ("pass\u{e9}", "passe\u{301}");
    let matches = |typed, hash: &str| runtime.block_on(hasher.matches("ada", typed, Some(hash))).unwrap();
    for typed in [composed, decomposed] {
        let made = runtime.block_on(hasher.hash("ada", typed)).unwrap();
        assert!(matches(composed, made.as_str()) && matches(decomposed, made.as_str()), "{typed:?}");
        assert!(!matches("passe", made.as_str()));
    }
    assert!(matches(composed, hash(decomposed, TimeDelta::days(90)).unwrap().as_str()));
    // Made before passwords were brought to NFC, of what this device types.
    let old = Memory::default().hash_bytes(decomposed.as_bytes()).unwrap();
    assert!(matches(decomposed, &old) && !matches("passe", &old));
}

#[test]
fn how_often_it_is_compared_tells_nothing_of_what_is_right() {
    for typed in ["pass\u{e9}", "passe\u{301}"] {
        let stored =
            [typed, "pass\u{e9}", "another"].map(|text| Memory::default().hash_bytes(text.as_bytes()).unwrap());
        let used = stored.map(|hash| {
            let mut memory = Memory::default();
            memory.compare(typed, &hash).unwrap();
            memory.used
        });
        assert_eq!(used, [used[0]; 3], "{typed:?}");
    }
}
