use proptest::prelude::*;

use super::*;

/// The end of a value, found byte by byte. Kinds are told by their opening bracket.
fn model(bytes: &[u8], mut at: usize, kind: u8, deepest: usize) -> Result<usize, Flaw> {
    let (mut depth, mut within, mut escaped) = (1, false, false);
    if deepest == 0 {
        return Err(Flaw::Deep);
    }
    loop {
        let byte = *bytes.get(at).ok_or(Flaw::Truncated)?;
        at += 1;
        let was_escaped = escaped;
        escaped = byte == b'\\' && !was_escaped;
        match byte {
            b'"' if !was_escaped => within = !within,
            _ if within => {}
            b'[' if kind == b'{' => {
                at = model(bytes, at, b'[', deepest.saturating_sub(depth))?;
                escaped = false;
            }
            b']' if kind == b'{' => return Err(Flaw::Syntax { at: at - 1 }),
            open if open == kind => {
                depth += 1;
                if depth > deepest {
                    return Err(Flaw::Deep);
                }
            }
            close if close == kind + 2 => {
                depth -= 1;
                if depth == 0 {
                    return Ok(at);
                }
            }
            _ => {}
        }
    }
}

/// With each kind of vectors that this machine has.
fn levels() -> Vec<Level> {
    let best = Level::new();
    let mut levels = vec![Level::baseline(), best];
    #[cfg(target_arch = "x86_64")]
    levels.extend(
        [best.as_sse2().map(Level::Sse2), best.as_sse4_2().map(Level::Sse4_2), best.as_avx2().map(Level::Avx2)]
            .into_iter()
            .flatten(),
    );
    levels
}

#[track_caller]
fn check(bytes: &[u8], deepest: usize) {
    for from in 0..bytes.len().min(3) {
        for level in levels() {
            let array = dispatch!(level, simd => end::<_, Array>(simd, bytes, from, deepest));
            assert_eq!(array, model(bytes, from, b'[', deepest), "an array from {from} on in {}", bytes.escape_ascii());
            let object = dispatch!(level, simd => end::<_, Object>(simd, bytes, from, deepest));
            assert_eq!(
                object,
                model(bytes, from, b'{', deepest),
                "an object from {from} on in {}",
                bytes.escape_ascii()
            );
        }
    }
}

/// Each place of a quote, a backslash and a bracket within a block is tried.
#[test]
fn blocks_end_anywhere() {
    let awkward =
        [r#""\\""#, r#""\"""#, r#""]}""#, r#""[{""#, r#""\\\"]""#, r#"{"k:{\"a\":\"]\"}":{}}"#, "[]", r#"["]|"]"#];
    for inside in awkward {
        for before in 0..70 {
            for after in [0, 1, 62, 63, 64] {
                let text = format!(r#""{}",{inside},"{}",[1],{inside}}}]"#, "x".repeat(before), "\\\\".repeat(after));
                check(text.as_bytes(), 9);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn blocks_say_what_bytes_one_by_one_say(
        bytes in proptest::collection::vec(prop_oneof![8 => Just(b'x'), 6 => proptest::sample::select(&b"[]{}\"\\|"[..]), 1 => any::<u8>()], 0..300),
        deepest in 0_usize..6,
    ) {
        check(&bytes, deepest);
    }

    #[test]
    fn rare_marks_are_found(
        bytes in proptest::collection::vec(prop_oneof![90 => Just(b'x'), 1 => proptest::sample::select(&b"[]{}\"\\"[..])], 0..600),
    ) {
        check(&bytes, 5);
    }
}
